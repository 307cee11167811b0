"""Scans that people upload beside a form: known by their content, kept under a plain name. Seals nothing."""

import re

from schemas.errors import InputError

MOST_BYTES = 5 * 1024 * 1024
_SIGNATURES = (
    (b"%PDF-", "application/pdf", ".pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png", ".png"),
    (b"\xff\xd8\xff", "image/jpeg", ".jpg"),
)


def checked_scan(name: str, content: bytes, what: str) -> tuple[str, str]:
    """Returns a scan's media type, by its content, and its name; raises InputError. `what` names it in messages."""
    if not content:
        raise InputError(f"没有{what}", "须上传签字盖章件的扫描件", "请选择PDF、PNG或JPEG文件", code="SCAN_MISSING")
    if len(content) > MOST_BYTES:
        raise InputError(f"{what}超过5 MB", "不超过5 MB", "请降低扫描分辨率后重新上传", code="SCAN_SIZE")
    for signature, media_type, suffix in _SIGNATURES:
        if content.startswith(signature):
            return media_type, _file_name(name, suffix, what)
    raise InputError(f"{what}的内容不是PDF、PNG或JPEG", "按文件内容识别，不看扩展名", "请上传扫描件", code="SCAN_TYPE")


def _file_name(given: str, suffix: str, what: str) -> str:
    """Keeps the plain name of an uploaded file, with the ending of what it really is."""
    base = re.split(r"[\\/]", given)[-1]
    stem = base.rpartition(".")[0] or base
    kept = re.sub(r"[^\w\-（）()·]", "_", stem)[:80].strip("_.") or what
    return kept + suffix
