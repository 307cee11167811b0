"""Workbooks of batch verification: reading keys and values, writing the same rows back with their results.

What is uploaded is read in memory and not kept; a result rests sealed for a day (`var/keyed`, 0600). Cells are written
as texts, so that none starts a formula; a cell that held one is not trusted.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from exchange.hub import Hub
from exchange.spreadsheets import as_workbook
from exchange.workbook_sheets import FileLimits, read_sheets
from schemas.entry import Entry
from schemas.errors import InputError
from schemas.rules.book import book

_BYTES, _UNPACKED, _COLUMNS = 30_000_000, 400_000_000, 60
RESULT, ITEMS = "核验结果", "不一致的数据项"
_CITIZEN = ("公民身份号码", "身份证号", "身份证号码")  # glossary: as typed
_KEY_HEADINGS = (*_CITIZEN, "统一社会信用代码", "证件号码", "号码")


@dataclass(frozen=True)
class Filled:
    """A workbook as it was handed in: `keys` and `values` by row, `rows` whole for giving back."""

    name: str
    headings: list[str]
    rows: list[list[str]]
    keys: tuple[str, ...]
    values: Mapping[str, Sequence[str | None]]
    place: int


def _refuse(fault: str, mend: str) -> InputError:
    return InputError(f"文件{fault}", ".xlsx 或 .xls 工作簿，第一行是标题", mend, code="BATCH_FILE")


def read(content: bytes, key_column: str, columns: Mapping[str, str], entry: Entry) -> Filled:
    """Reads the first sheet; `columns` maps headings to items (empty: by title or name). Raises InputError."""
    bare = read_keys(content, key_column)
    chosen = _chosen(bare.headings, bare.place, columns, entry)
    values = {item: [row[at] or None for row in bare.rows] for item, at in chosen.items()}
    return replace(bare, values=values)


def read_keys(content: bytes, key_column: str) -> Filled:
    """Reads the first sheet's keys alone; raises InputError."""
    most = int(book().number("BATCH_KEYS"))
    sheets = read_sheets(content, FileLimits(_BYTES, _UNPACKED, most + 1, _COLUMNS), _refuse)
    sheet = next((each for each in sheets if each.rows), None)
    if sheet is None or len(sheet.rows) < 2:
        raise _refuse("没有数据行", "请填写后重试")
    headings = [cell.strip() for cell in sheet.rows[0]]
    place, width = _key_place(headings, key_column), len(headings)
    rows = [[*row[:width], *[""] * (width - len(row))] for row in sheet.rows[1:]]
    spoilt = {number for number, column in sheet.spoilt if column == place}
    keys = tuple("" if at in spoilt else row[place] for at, row in enumerate(rows, 1))
    return Filled(sheet.name, headings, rows, keys, {}, place)


def _key_place(headings: Sequence[str], key_column: str) -> int:
    wanted = [key_column.strip()] if key_column.strip() else list(_KEY_HEADINGS)
    for name in wanted:
        if name in headings:
            return headings.index(name)
    raise InputError("没有找到号码列", "标题行中的一列，如“公民身份号码”", "请写明号码列的标题", code="BATCH_KEY")


def _chosen(headings: Sequence[str], place: int, columns: Mapping[str, str], entry: Entry) -> dict[str, int]:
    known = {item.title: item.name for item in entry.items} | {item.name: item.name for item in entry.items}
    asked = columns or {
        heading: known[heading] for at, heading in enumerate(headings) if heading in known and at != place
    }
    missing = [heading for heading in asked if heading not in headings]
    if missing or not asked:
        raise InputError(
            "没有找到要核对的列",
            "标题行中与数据项同名的列，或指明各列对应的数据项",
            "请改正标题后重试",
            code="BATCH_COLUMNS",
        )
    return {item: headings.index(heading) for heading, item in asked.items()}


def written(filled: Filled, results: Sequence[Sequence[str]], notes: Sequence[str], added: Sequence[str]) -> bytes:
    """Writes the same rows with the result's columns; the last rows say what version and data time they rest on."""
    rows = [[*row, *result] for row, result in zip(filled.rows, results, strict=True)]
    width = len(filled.headings) + len(added)
    rows += [[""] * width, *([note, *[""] * (width - 1)] for note in notes)]
    return as_workbook(filled.name, [*filled.headings, *added], rows)


def _path(hub: Hub, job: str) -> Path:
    return hub.settings.var / "keyed" / f"{job}.sealed"


def keep(hub: Hub, job: str, content: bytes) -> None:
    """Keeps a result, sealed."""
    path = _path(hub, job)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(hub.crypto.frames().encrypt(content, f"batch:{job}".encode()))
        file.flush()
        os.fsync(file.fileno())


def kept(hub: Hub, job: str) -> bytes | None:
    """Returns a kept result, None when it is gone."""
    path = _path(hub, job)
    return hub.crypto.frames().decrypt(path.read_bytes(), f"batch:{job}".encode()) if path.is_file() else None


def drop_older(hub: Hub, before: datetime) -> None:
    """Removes results that a killed process kept and nobody recorded."""
    for path in (hub.settings.var / "keyed").glob("*.sealed"):
        if path.stat().st_mtime < before.timestamp():
            path.unlink(missing_ok=True)


def drop(hub: Hub, job: str) -> None:
    """Removes a result."""
    _path(hub, job).unlink(missing_ok=True)
