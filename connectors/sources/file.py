"""Files of a department, local or at any fsspec URL, one or several by `*` read in name order. Never writes.

The kinds of file are the modules of connectors/formats that the registry of formats below names; each turns documents
into batches. Filtering, numbering and pacing are the base's.
"""

import importlib
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import fsspec
import pyarrow as pa

from connectors import failures
from connectors.base import Query, Session, SourceBase
from connectors.formats.document import Document
from connectors.moments import to_utc
from connectors.reach import reach
from schemas.errors import HubError, SetupError, SourceDown, SourceError, SourceUnreadable
from schemas.source import SourceColumn, SourceTable, Step

_BY_SUFFIX = {
    ".csv": "csv",
    ".txt": "csv",
    ".gz": "csv",
    ".parquet": "parquet",
    ".xlsx": "workbook",
    ".xls": "workbook",
}
_FORMATS = ("csv", "parquet", "workbook")
_PORTS = {"sftp": 22, "ssh": 22, "ftp": 21, "http": 80, "https": 443, "hdfs": 8020, "webhdfs": 9870, "smb": 445}
_PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "oss": "ossfs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "abfs": "adlfs",
    "az": "adlfs",
    "sftp": "paramiko",
    "ssh": "paramiko",
    "smb": "smbprotocol",
    "http": "aiohttp",
    "https": "aiohttp",
}
_WILD = frozenset("*?[")
_MOST_FILES = 1000


class FileSession(Session):
    """The documents of one location; their state is noted when the visit begins and compared after each is read."""

    def __init__(self, source: "FileSource", files: Any, paths: list[str]) -> None:
        self._source = source
        self._files = files
        self._paths = paths
        self._states = {path: self._state(path) for path in paths}
        self._format = _format_of(source.attachment.format, paths[0])
        self.title = f"文件{PurePosixPath(paths[0]).name}"

    def settle(self, longest: timedelta, now: datetime) -> datetime:
        """Returns the moment before which the file is taken as complete."""
        return to_utc(now) - longest

    def columns(self) -> list[SourceColumn]:
        """Lists the columns of the first file."""
        found: list[SourceColumn] = self._format.columns(self._document(self._paths[0]), self._source.attachment)
        return found

    def rows(self, query: Query) -> Iterator[pa.RecordBatch]:
        """Yields the rows of each file in turn."""
        several = len(self._paths) > 1
        for path in self._paths:
            document = self._document(path)
            prefix = f"{document.name}:" if several else ""
            yield from self._format.batches(document, self._source.attachment, query.columns, prefix)
            if self._state(path) != self._states[path]:
                raise failures.changed_while_reading(document.name)

    def lacks(self, missing: list[str], wanted: tuple[str, ...]) -> SourceError:
        """Words that columns are missing; where a text has none of the names, its header is."""
        if len(missing) == len(wanted) and not self._format.__name__.endswith(".parquet"):
            return failures.no_header(self.title, self._source.attachment.header_row)
        return super().lacks(missing, wanted)

    def explain(self, error: Exception) -> SourceError:
        """Words an operating system's or library's error."""
        if isinstance(error, FileNotFoundError):
            return _no_file(self.title.removeprefix("文件"))
        if isinstance(error, PermissionError):
            return failures.privilege_refused(self.title)
        if isinstance(error, pa.ArrowInvalid | ValueError):
            return SourceUnreadable(
                f"{self.title}无法读取（{type(error).__name__}）", "文件应完整且格式正确", failures.ASK_DEPARTMENT
            )
        return failures.interrupted(error)

    def close(self) -> None:
        """Ends the visit; each document closed its own stream."""

    def _document(self, path: str) -> Document:
        return Document(PurePosixPath(path).name, lambda: self._files.open(path, "rb"))

    def _state(self, path: str) -> tuple[Any, ...]:
        """Returns what changes when somebody writes the file."""
        if not self._source.remote:
            stat = os.stat(path)  # noqa: PTH116
            return stat.st_size, stat.st_mtime_ns, stat.st_ino
        self._files.invalidate_cache()
        info = self._files.info(path)
        return tuple(info.get(key) for key in ("size", "mtime", "LastModified", "ETag", "created", "last_modified"))


class FileSource(SourceBase):
    """One or several files below a connection's root, or at a location of their own."""

    schemes = ("file", "local", "s3", "s3a", "oss", "gs", "gcs", "abfs", "az", "sftp", "ssh", "ftp", "hdfs", "webhdfs",
               "http", "https", "smb", "memory")  # fmt: skip
    in_written_order = True

    @property
    def remote(self) -> bool:
        """Says whether the files are reached over a network."""
        return _is_url(self._root or self.attachment.location or "")

    def open(self) -> FileSession:
        """Finds the files; raises SourceError when there is none."""
        return failures.attempt(self._open, self._explain)

    def reach(self) -> list[Step]:
        """Tries name and port."""
        return _reach(self._root or self.attachment.location or "")

    def test(self) -> list[Step]:
        """Tries name, port, log-in, privilege and table in order; stops at the first that fails."""
        steps = self.reach()
        if not steps[-1].passed:
            return steps
        if not self.attachment.location:
            return [*steps, *self._test_root()]
        try:
            session = self.open()
            columns = failures.attempt(session.columns, session.explain)
        except HubError as error:
            return [*steps, Step(_step_of(error), False, error.got, error.next_step)]
        return [
            *steps,
            Step("login", True, "可以打开文件所在位置"),
            Step("privilege", True, f"可以读取{session.title}"),
            Step("table", True, f"{session.title}有{len(columns)}列"),
        ]

    def tables(self) -> list[SourceTable]:
        """Lists the data files below the connection's root, two folders deep; raises SourceError."""
        return failures.attempt(self._files, self._explain)

    def _files(self) -> list[SourceTable]:
        files, root = _filesystem(self._root)
        found = [path for path in files.find(root, maxdepth=3) if PurePosixPath(path.lower()).suffix in _BY_SUFFIX]
        below = [str(PurePosixPath(path).relative_to(PurePosixPath(root))) for path in sorted(found)[:_MOST_FILES]]
        return [SourceTable(name, None, "file") for name in below if not name.startswith(".")]

    def _test_root(self) -> list[Step]:
        try:
            failures.attempt(self._list_root, self._explain)
        except HubError as error:
            return [Step("login", False, error.got, error.next_step)]
        return [Step("login", True, "可以打开文件所在位置"), Step("privilege", True, "可以列出文件")]

    def _list_root(self) -> None:
        files, root = _filesystem(self._root)
        files.ls(root, detail=False)

    @property
    def _root(self) -> str:
        return self._url or ""

    def _open(self) -> FileSession:
        location = self.attachment.location
        if not location:
            raise SourceUnreadable("挂接没有写明文件位置", "应有location", "请在目录的挂接中填写location")
        if self._root:
            files, root = _filesystem(self._root)
            path = _below(root, location)
        else:
            files, path = _filesystem(location)
        paths = sorted(files.glob(path)) if _WILD & set(location) else [path] if files.exists(path) else []
        paths = [found for found in paths if files.isfile(found)]
        if not paths:
            raise _no_file(location)
        return FileSession(self, files, paths)

    def _explain(self, error: Exception) -> HubError:
        if isinstance(error, ImportError):
            return _driver_missing(self._root or self.attachment.location or "")
        if isinstance(error, PermissionError):
            return failures.privilege_refused("文件")
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            return _no_file(self.attachment.location or "")
        return SourceDown(
            f"无法打开文件所在位置（{type(error).__name__}）",
            "来源位置应在线且可访问",
            "稍后会自动重试；请检查连接地址和网络",
        )


def _is_url(target: str) -> bool:
    scheme = target.split("://", 1)[0] if "://" in target else ""
    return bool(scheme) and scheme not in {"file", "local"}


def _filesystem(target: str) -> tuple[Any, str]:
    """Returns the file system and the path in it; its options are the URL's query (`?endpoint_url=…`)."""
    if not _is_url(target):
        return fsspec.filesystem("file"), str(Path(target.removeprefix("file://").removeprefix("local://")))
    parts = urlsplit(target)
    options = {} if parts.scheme in {"http", "https"} else dict(parse_qsl(parts.query))
    plain = target if parts.scheme in {"http", "https"} else urlunsplit(parts._replace(query=""))
    files, path = fsspec.core.url_to_fs(plain, **options)
    return files, str(path)


def _below(root: str, location: str) -> str:
    """Joins a location to its connection's root, out of which it must not lead."""
    parts = PurePosixPath(location.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or "://" in location:
        raise SourceUnreadable(
            "文件位置超出了连接的根目录", "location应是连接根目录下的相对路径", "请修改挂接中的location"
        )
    return f"{root.rstrip('/')}/{parts}"


def _format_of(declared: str | None, path: str) -> ModuleType:
    kind = declared or _BY_SUFFIX.get(PurePosixPath(path.lower()).suffix)
    if kind not in _FORMATS:
        raise SourceUnreadable(
            f"文件{PurePosixPath(path).name}的格式无法从名称判断",
            f"可用：{'、'.join(_FORMATS)}",
            "请在目录的挂接中填写format",
        )
    return importlib.import_module(f"connectors.formats.{kind}")


def _no_file(location: str) -> SourceUnreadable:
    return SourceUnreadable(
        f"找不到文件{PurePosixPath(location).name}", "挂接中的文件应存在", "请核对location，或请提供部门放入文件"
    )


def _driver_missing(target: str) -> HubError:
    scheme = target.split("://", 1)[0]
    package = _PACKAGES.get(scheme, scheme)
    return SetupError(f"读取{scheme}文件的驱动没有安装", f"需要{package}", f"请安装 {package}（见 docs/connectors.md）")


def _reach(target: str) -> list[Step]:
    if not _is_url(target):
        return [Step("name", True, "本机文件"), Step("port", True, "本机文件")]
    parts = urlsplit(target)
    port = parts.port or _PORTS.get(parts.scheme)
    if port is None or not parts.hostname:
        return [Step("name", True, "由驱动解析"), Step("port", True, "由驱动连接")]
    return reach(parts.hostname, port)


def _step_of(error: HubError) -> str:
    if isinstance(error, SourceDown | SetupError):
        return "login"
    return "privilege" if error.code == "SOURCE_REFUSED" else "table"


SOURCE = FileSource
