"""文件推送: batches as files below a folder, on disk or any file system that fsspec reaches (S3, SFTP with paramiko).

`<root>/<batch number>/`: the parts, each under a temporary name first, then `manifest.json`, last. A batch without its
manifest does not exist; one with it is whole and is not written again. The receiver puts `ack.json` beside it.
"""

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import fsspec

from connectors import sink_points as points
from schemas.delivery import MANIFEST_NAME, RECEIPT_NAME, Gate, Receipt, Shipment
from schemas.errors import HubError, SetupError, SourceDown, SourceRefused, SourceUnreadable, StateError
from schemas.ports import Faults

CHUNK_BYTES = 1 << 20
#: Stores in which an object is there whole or not at all, and a rename would copy it.
_OBJECT_STORES = frozenset({"s3", "s3a", "oss", "gs", "gcs", "abfs", "az"})
_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "oss": "ossfs", "sftp": "paramiko", "ssh": "paramiko", "smb": "smbprotocol"}
_MOST_RECEIPT_BYTES = 1 << 20


class FolderSink:
    """A folder of the consumer's. With `receipt: none` in `facts`, the written manifest is the receipt."""

    def __init__(self, url: str, facts: Mapping[str, str]) -> None:
        self._url = url
        self._scheme = url.split("://", 1)[0] if "://" in url else "file"
        self._awaits = facts.get("receipt", "file") != "none"

    def deliver(self, shipment: Shipment, gate: Gate, faults: Faults) -> Receipt | None:
        """Writes the parts and at last the manifest; a repeat finds the manifest and writes nothing."""
        manifest = shipment.manifest
        files, root = self._opened()
        folder = f"{root.rstrip('/')}/{manifest.batch_no}"
        try:
            if not files.exists(f"{folder}/{MANIFEST_NAME}"):
                self._write(files, folder, shipment, gate, faults)
            elif files.cat_file(f"{folder}/{MANIFEST_NAME}") != shipment.signed_manifest:
                raise _foreign(manifest.batch_no)
            faults.reach(points.AFTER_COMMIT)
        except HubError:
            raise
        except Exception as error:  # noqa: BLE001 - each file system has errors of its own
            failure = self._explain(error)
        else:
            return self.receipt(manifest.batch_no) or (
                None if self._awaits else Receipt(manifest.batch_no, manifest.row_count)
            )
        raise failure

    def _write(self, files: Any, folder: str, shipment: Shipment, gate: Gate, faults: Faults) -> None:
        written: list[str] = []
        files.makedirs(folder, exist_ok=True)
        try:
            for part in shipment.manifest.files:
                path = f"{folder}/{part.name}"
                written.append(path)
                self._put(files, path, shipment.read(part), gate)
                faults.reach(points.PART_WRITTEN)
            gate()
            faults.reach(points.BEFORE_COMMIT)
            written.append(f"{folder}/{MANIFEST_NAME}")
            self._put(files, f"{folder}/{MANIFEST_NAME}", shipment.signed_manifest, gate)
        except HubError as error:
            if not error.transient:  # the grant is over: what lies there without a manifest goes too
                _remove(files, [*written, *map(_half, written)])
            raise

    def _put(self, files: Any, path: str, content: bytes, gate: Gate) -> None:
        direct = self._scheme in _OBJECT_STORES
        with files.open(path if direct else _half(path), "wb") as stream:
            for start in range(0, len(content), CHUNK_BYTES):
                gate()
                stream.write(content[start : start + CHUNK_BYTES])
        if not direct:
            if files.exists(path):  # a try before this one was cut off between this name and the manifest's
                files.rm_file(path)
            files.mv(_half(path), path)

    def receipt(self, batch_no: str) -> Receipt | None:
        """Reads `ack.json`, when the receiver has put it there."""
        files, root = self._opened()
        path = f"{root.rstrip('/')}/{batch_no}/{RECEIPT_NAME}"
        try:
            files.invalidate_cache()
            if not files.exists(path) or (files.size(path) or 0) > _MOST_RECEIPT_BYTES:
                return None
            content = files.cat_file(path)
        except Exception as error:  # noqa: BLE001 - each file system has errors of its own
            failure = self._explain(error)
        else:
            return read_receipt(content, batch_no)
        raise failure

    def _opened(self) -> tuple[Any, str]:
        """Returns the file system and the root in it; its options are the URL's query (`?endpoint_url=…`)."""
        if self._scheme in {"file", "local"}:
            return fsspec.filesystem("file"), str(Path(self._url.removeprefix("file://").removeprefix("local://")))
        parts = urlsplit(self._url)
        try:
            files, path = fsspec.core.url_to_fs(
                urlunsplit(parts._replace(query="")), skip_instance_cache=True, **dict(parse_qsl(parts.query))
            )
        except Exception as error:  # noqa: BLE001 - each file system has errors of its own
            failure = self._explain(error)
        else:
            return files, str(path)
        raise failure

    def _explain(self, error: Exception) -> HubError:
        """Words a file system's error; its own text may hold a secret and is dropped."""
        if isinstance(error, ImportError):
            package = _PACKAGES.get(self._scheme, self._scheme)
            return SetupError(
                f"向{self._scheme}推送文件的驱动没有安装",
                f"需要{package}",
                f"请安装 {package}（见 docs/connectors.md）",
            )
        if isinstance(error, PermissionError) or type(error).__name__ == "AuthenticationException":
            return SourceRefused("没有写入送达文件夹的权限", "账号应能写入该文件夹", "请使用部门授予权限后重试")
        return SourceDown(
            f"无法写入送达文件夹（{type(error).__name__}）", "送达位置应在线且可写入", "稍后会以同一批次号自动重试"
        )


def _half(path: str) -> str:
    whole = PurePosixPath(path)
    return str(whole.with_name(f".{whole.name}.half"))


def _remove(files: Any, paths: list[str]) -> None:
    for path in paths:
        if files.exists(path):
            files.rm_file(path)


def _foreign(batch_no: str) -> StateError:
    return StateError(
        f"送达文件夹中已有另一份批次 {batch_no}", "一个批次号只能有一份内容", "请使用部门核对并移走该文件夹",
        code="DELIVERY_FOREIGN",
    )  # fmt: skip


def read_receipt(content: bytes, batch_no: str) -> Receipt:
    """Reads `ack {batch_no, accepted, rejected, errors[]}`; raises SourceUnreadable when it is not this batch's."""
    try:
        body = json.loads(content)
        said = (body["batch_no"], body["accepted"], body.get("rejected", 0))
        errors = [each for each in body.get("errors", []) if isinstance(each, dict)]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _no_receipt() from None
    numbers = [value for value in said[1:] if isinstance(value, int) and not isinstance(value, bool) and value >= 0]
    if said[0] != batch_no or len(numbers) != 2:
        raise _no_receipt()
    return Receipt(batch_no, numbers[0], numbers[1], tuple(errors))


def _no_receipt() -> SourceUnreadable:
    return SourceUnreadable(
        "使用部门的回执无法识别", "{batch_no, accepted, rejected, errors[]}，批次号与送达的一致", "请使用部门改正回执",
        code="RECEIPT",
    )  # fmt: skip


SINK = FolderSink
