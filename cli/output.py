"""Prints results as a table or as JSON; knows nothing about what they mean."""

import dataclasses
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

Record = Mapping[str, Any]
BEIJING = ZoneInfo("Asia/Shanghai")


def plain(value: object) -> Any:
    """Turns a view into what JSON can hold: dataclasses to objects, dates to ISO, bytes to hex, others to text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        as_json = getattr(value, "as_json", None)
        value = as_json() if as_json else {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(part) for part in value]
    return _plain_scalar(value)


def _plain_scalar(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, str | int) else str(value)


def print_json(value: object) -> None:
    """Prints one JSON document on standard output."""
    json.dump(plain(value), sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")


def shallow(view: object) -> dict[str, Any]:
    """Returns a view's own fields, each as it is: for tables, which write dates and numbers for people."""
    assert dataclasses.is_dataclass(view)  # noqa: S101 - every view of exchange is one
    return {field.name: getattr(view, field.name) for field in dataclasses.fields(view)}


def text(value: object) -> str:
    """Writes one cell for people: null is empty, booleans are 是 and 否, times are Beijing time."""
    if isinstance(value, Mapping):
        return "、".join(f"{key} {text(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return "、".join(text(part) for part in value)
    return _scalar_text(value)


def _scalar_text(value: object) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, datetime):
        return value.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, bytes):
        return value.hex()
    return "" if value is None else str(value)


def print_table(title: str, columns: Sequence[tuple[str, str]], records: Iterable[Record], *, empty: str) -> None:
    """Prints records as a table; `columns` pairs a record's key with its Chinese heading."""
    rows = [[text(record.get(key)) for key, _ in columns] for record in records]
    console = Console(soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else 240)
    if not rows:
        console.print(empty, markup=False)
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    for _, heading in columns:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(cell.replace("[", r"\[") for cell in row))
    console.print(table)


def print_facts(title: str, facts: Iterable[tuple[str, object]]) -> None:
    """Prints one thing's facts, a line each."""
    console = Console(soft_wrap=True)
    console.print(title, style="bold", markup=False)
    for name, value in facts:
        console.print(f"  {name}：{text(value)}", markup=False, highlight=False)


def say(sentence: str) -> None:
    """Prints one sentence for the user on standard error, so that it never mixes with data."""
    Console(stderr=True, soft_wrap=True).print(sentence, markup=False, highlight=False)


@contextmanager
def progress(title: str) -> Iterator[Callable[[str, int, int | None], None] | None]:
    """Shows a progress bar on a terminal; yields the function to call with (step, done, total), or None elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)

        def report(step: str, done: int, total: int | None) -> None:
            bar.update(task, description=f"{title} {step}", completed=done, total=total)

        yield report
