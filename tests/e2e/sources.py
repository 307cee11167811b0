"""The departments' sources read a second time, with other libraries and no code of the hub: what must be published."""

import csv
import re
import sqlite3
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import psycopg
import yaml
from psycopg.rows import dict_row

from examples import city, databases
from examples.answers import BY_RECORD, ROW_COLUMN, ROW_ITEM, answer_place
from examples.registry import TABLES

Row = dict[str, Any]
_BEIJING = ZoneInfo("Asia/Shanghai")
#: Columns that say which of several rows is the last.
_ORDER = {"population": ("gxsj",), "licence": ("gxsj",), "death": ("cd_time", "cd_batch", "row_guid")}
_KEY = {"death": "swzmbh"}
_CURRENCIES = {"人民币": "CNY", "美元": "USD", "港元": "HKD", "欧元": "EUR"}
_CAPITAL = re.compile(r"([0-9.]+)万(?:元)?(.+)")


def read(dataset: str, folder: Path, url: str, prefix: str) -> list[Row]:
    """Reads every record of a source, in its order; a record that cannot be read has no columns."""
    if dataset in city.DATABASES:
        place = databases.with_database(url, prefix + city.DATABASES[dataset])
        with psycopg.connect(place, row_factory=dict_row) as connection:
            return connection.execute(f"SELECT * FROM {TABLES[dataset].source_table}").fetchall()
    path = folder / city.FILES[dataset]
    if path.suffix == ".sqlite":
        with sqlite3.connect(path) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(f"SELECT * FROM {TABLES[dataset].source_table}")]
    return _sheet(path) if path.suffix == ".xlsx" else _lines(path)


def _lines(path: Path) -> list[Row]:
    with path.open(encoding="gb18030", errors="surrogateescape", newline="") as file:
        header, *records = csv.reader(file)
    return [dict(zip(header, record, strict=True)) if len(record) == len(header) else {} for record in records]


def _sheet(path: Path) -> list[Row]:
    sheet = openpyxl.load_workbook(path, data_only=True)["发放明细"]
    for merged in list(sheet.merged_cells.ranges):
        if merged.min_row > 2:
            value = sheet.cell(merged.min_row, merged.min_col).value
            sheet.unmerge_cells(str(merged))
            for row in range(merged.min_row, merged.max_row + 1):
                sheet.cell(row, merged.min_col).value = value
    rows = sheet.iter_rows(min_row=2, values_only=True)
    header = next(rows)
    return [dict(zip(header, row, strict=True)) for row in rows if row[0] not in {"小计", "合计"}]


def published(dataset: str, rows: list[Row], answers: Iterable[Mapping[str, Any]]) -> dict[str, Row]:
    """Says which rows must be published, by their own number: all but the bad, and the newest of those that repeat.

    Of a front-end exchange table the last change of each certificate counts, and a deletion takes it away.
    """
    bad = set()
    for answer in answers:
        if answer["disposition"] == "quarantine":
            bad.add(answer_place(answer))
            if partner := answer["partner"]:
                bad.add(answer_place({**answer, "record": partner["record"], "row": partner}))
    good: dict[str, list[Row]] = defaultdict(list)
    key, order = _KEY.get(dataset, ROW_COLUMN[dataset]), _ORDER.get(dataset, ())
    for record, row in enumerate(rows, 1):
        if (str(record) if dataset in BY_RECORD else str(row[ROW_COLUMN[dataset]])) not in bad and row:
            good[str(row[key]).strip()].append(row)
    last = [max(same, key=lambda row: tuple(row[name] for name in order)) for same in good.values()]
    return {str(row[ROW_COLUMN[dataset]]).strip(): row for row in last if row.get("cd_operation") != "D"}


def differences(dataset: str, wanted: Mapping[str, Row], got: list[Row], answers: Iterable[Mapping[str, Any]]) -> list:
    """Compares the rows that must be published with those that are, cell by cell."""
    served = {str(row[ROW_ITEM[dataset]]): row for row in got}
    found: list[Any] = [("twice", dataset)] if len(served) != len(got) else []
    found += [("missing", number) for number in wanted.keys() - served.keys()]
    found += [("surplus", number) for number in served.keys() - wanted.keys()]
    planted = {str(answer["row"][ROW_COLUMN[dataset]]).strip(): answer for answer in answers}
    columns = items(dataset)
    for number in wanted.keys() & served.keys():
        answer = planted.get(number)
        cells = {name: wanted[number][source] for name, (source, _) in columns.items()}
        if answer is not None:
            cells = {name: cell for name, cell in cells.items() if name not in _touched(dataset, answer)}
            cells |= answer["normalised"]
        expected = {name: _meant(columns[name][1], cell) for name, cell in cells.items()}
        found += [("cell", number, name) for name, value in expected.items() if served[number][name] != value]
    return found


def _touched(dataset: str, answer: Mapping[str, Any]) -> set[str]:
    """Names the items that planting has changed; a row that repeats another is compared with that one."""
    kinds = {kind.name: kind for kind in (*TABLES[dataset].defects, *TABLES[dataset].dirt)}
    return {item for name in answer["kinds"] for item in kinds[name].touches}


def items(dataset: str) -> dict[str, tuple[str, str]]:
    """Reads item -> (source column, kind) from the contract's own text."""
    contract = yaml.safe_load(city.CONTRACTS[dataset].read_text(encoding="utf-8"))
    items = {}
    for item in contract["schema"][0]["properties"]:
        custom = {each["property"]: each["value"] for each in item["customProperties"]}
        items[item["name"]] = (item["physicalName"], custom["kind"])
    return items


def _meant(kind: str, cell: Any) -> Any:
    """Says what a clean cell means."""
    if cell is None or cell == "":
        return None
    if kind in {"capital", "capital_currency"}:
        said = _CAPITAL.fullmatch(cell.strip())
        if said is None:
            return cell
        return Decimal(said[1]) if kind == "capital" else _CURRENCIES[said[2]]
    return _READERS.get(kind, lambda text: str(text).strip())(cell)


def _moment(cell: Any) -> datetime:
    moment = cell if isinstance(cell, datetime) else datetime.fromisoformat(cell)
    return moment.replace(tzinfo=_BEIJING)


def _day(cell: Any) -> date | None:
    if isinstance(cell, datetime):
        return cell.date()
    if cell in {"长期", "9999-12-31"}:
        return None
    text = str(cell).replace("-", "")
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


_READERS: dict[str, Callable[[Any], Any]] = {
    "date": _day,
    "datetime": _moment,
    "bool": lambda cell: cell == "1",
    "integer": int,
    "amount": lambda cell: Decimal(str(cell)),
}


def person(number: str) -> str:
    """Writes a person's number in one way: half-width digits and X alone (a Cyrillic one too), 15 digits made 18."""
    text = re.sub("[^0-9A-Z]", "", unicodedata.normalize("NFKC", number).upper().replace("\u0425", "X"))
    if len(text) == 15 and text.isdigit():
        text = f"{text[:6]}19{text[6:]}"
        total = sum(int(digit) * 2 ** (17 - place) for place, digit in enumerate(text))
        text += "10X98765432"[total % 11]
    return text
