"""Refuses what is no harmless .xlsx before any reader opens it: by its bytes, its packing, its parts. Runs nothing.

The words of a refusal have no subject: whoever calls puts the file's name before them.
"""

import io
import zipfile
import zlib
from xml.etree import ElementTree as ET

from connectors.formats.xlsx_scan import Limits, Look, Refuse, look_over

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MOST_PARTS = 5000
_KINDS = {
    b"\x89PNG": "PNG图片", b"\xff\xd8\xff": "JPEG图片", b"GIF8": "GIF图片", b"%PDF": "PDF文件", b"Rar!": "RAR压缩包",
    b"7z\xbc\xaf": "7z压缩包", b"<htm": "网页", b"<!DO": "网页", b"<tab": "网页", b"<?xm": "XML文件",
}  # fmt: skip
_OTHERS = {"word/": "Word文档", "ppt/": "演示文稿", "content.xml": ".ods 表格", "xl/workbook.bin": ".xlsb 工作簿"}
_BROKEN = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError,
    ET.ParseError, UnicodeDecodeError, OverflowError,
)  # fmt: skip


def looked_over(content: bytes, limits: Limits, refuse: Refuse) -> list[Look]:
    """Returns what each sheet of an .xlsx holds, without its values; raises what `refuse` makes of a reason."""
    if not content.startswith(_ZIP):
        raise refuse(f"不是工作簿{kind_of(content)}", "请导入 .xlsx 文件")
    broken = refuse("不是完整的工作簿", "请用 Excel 或 WPS 打开，另存为 .xlsx 后导入")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            _judge_parts(book, limits, refuse)
            return look_over(book, limits, refuse)
    except _BROKEN:
        raise broken from None


def kind_of(content: bytes) -> str:
    """Says in a few words what a file is that is no workbook; nothing where its first bytes do not tell."""
    begins = content.removeprefix(b"\xef\xbb\xbf")
    kind = next((says for head, says in _KINDS.items() if begins.startswith(head)), "")
    if content.startswith(_OLE):
        kind = "旧式 .xls 工作簿"
    return f"，而是{kind}" if kind else ""


def _judge_parts(book: zipfile.ZipFile, limits: Limits, refuse: Refuse) -> None:
    parts = book.infolist()
    # The sizes that a package claims are held to by reading: whoever claims less is found by the checksum.
    if len(parts) > _MOST_PARTS or sum(part.file_size for part in parts) > limits.unpacked:
        raise refuse("解压后过大", "请删去图片和空白行列，或拆分后导入")
    if any(part.flag_bits & 1 for part in parts):
        raise refuse("设有密码", "请取消密码后导入")
    names = [part.filename.replace("\\", "/").lstrip("/").casefold() for part in parts]
    if any("vbaproject" in name or name.startswith("xl/macrosheets/") for name in names):
        raise refuse("含有宏", "请另存为不含宏的 .xlsx 后导入")
    if book.testzip() is not None:
        raise zipfile.BadZipFile
    if "xl/workbook.xml" not in names:
        other = next((says for head, says in _OTHERS.items() if any(name.startswith(head) for name in names)), "")
        if other:
            raise refuse(f"不是 .xlsx 工作簿，而是{other}", "请用 Excel 或 WPS 打开，另存为 .xlsx 后导入")
        raise refuse("是压缩包，不是工作簿", "请解压后导入其中的 .xlsx 文件")
    types = [part for part, name in zip(parts, names, strict=True) if name == "[content_types].xml"]
    if any(b"macroenabled" in book.read(part).lower() for part in types):
        raise refuse("含有宏", "请另存为不含宏的 .xlsx 后导入")
