"""Where each kind of file rests under the lake's root, and how a file comes to rest whole. Opens no data file."""

import errno
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from schemas.errors import InputError, StorageError

_NAME = re.compile(r"\A[A-Za-z0-9_][A-Za-z0-9_.-]{0,119}\Z")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of the lake. `root` is a local path; an object store would be a second class of this shape."""

    root: Path

    def folder(self, kind: str, dataset: str, run: str) -> Path:
        """Returns `<kind>/<dataset>/<run>`: landing, quarantine or staging of one run."""
        return self.root / safe(kind) / safe(dataset) / safe(run)

    def table(self, dataset: str) -> Path:
        """Returns the folder of the dataset's Delta table."""
        return self.root / "tables" / safe(dataset)

    def changes(self, dataset: str) -> Path:
        """Returns the folder of the dataset's change table."""
        return self.root / "tables" / f"{safe(dataset)}__changes"


def safe(name: str) -> str:
    """Returns a name that stays inside its folder; raises InputError for `..`, separators and the like."""
    if not _NAME.match(name) or ".." in name:
        raise InputError(
            "名称不能用作目录名", "只用字母、数字、下划线、短横线和点", "请改用合规的名称", code="PLACE_NAME"
        )
    return name


@contextmanager
def storing(what: str) -> Iterator[None]:
    """Turns a failure of disk or file system into StorageError (transient) that names `what` and the errno alone."""
    try:
        yield
    except (OSError, pa.ArrowCapacityError) as error:
        number = error.errno if isinstance(error, OSError) else None
        name = errno.errorcode.get(number or 0, type(error).__name__)
        if number in _FULL or "No space left" in str(error):
            raise StorageError(f"磁盘空间不足，{what}未写完", "", "请清理磁盘后重试", code="STORAGE_FULL") from None
        raise StorageError(f"{what}读写失败（{name}）", "", "请检查磁盘和目录权限后重试") from None


def fsync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def fsync_file(path: Path) -> None:
    """Makes the bytes of a file durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Hands out a temporary name; at the end the file takes its name at once, after an error nothing of it is left."""
    half = path.with_name(f".{path.name}.half")
    try:
        yield half
        fsync_file(half)
        half.replace(path)
        fsync_folder(path.parent)
    except BaseException:
        half.unlink(missing_ok=True)
        raise


def write_json(path: Path, facts: Mapping[str, Any]) -> None:
    """Writes a small JSON file that is there whole or not at all."""
    with storing(path.name), whole(path) as half:
        half.write_text(json.dumps(facts, ensure_ascii=False, sort_keys=True), encoding="utf-8")


def read_json(path: Path) -> dict[str, Any] | None:
    """Reads what write_json wrote; None when it is not there."""
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return facts


def clear_folder(folder: Path) -> None:
    """Removes a folder with all that is in it and makes it anew, empty."""
    remove_folder(folder)
    with storing(folder.name):
        folder.mkdir(parents=True, exist_ok=True)


def remove_folder(folder: Path) -> None:
    """Removes a folder with all that is in it; one that is not there is no error."""
    with storing(folder.name):
        if folder.exists():
            shutil.rmtree(folder)
