"""`shuqiao quarantine`: the open problem rows of a run, as received, with every finding."""

import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import chain
from typing import Annotated, Any

import typer

from cli.options import Run
from cli.output import plain, print_table, text
from cli.results import write_csv, write_json_rows
from cli.session import hub
from exchange import quarantine as use_cases
from exchange.spreadsheets import MARK

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

FIXED = (("row", "行号"), ("place", "位置"), ("codes", "问题代码"), ("says", "说明"))
COLUMNS = (*FIXED, ("values", "原值"))
#: The name under which exchange hands out a record that could not be cut into columns.
RAW, RAW_TITLE = "_raw", "原始内容"


class Format(StrEnum):
    """How problem rows are written."""

    table = "table"
    csv = "csv"
    json = "json"


def facts_of(row: dict[str, Any]) -> dict[str, Any]:
    """Returns what a problem row is shown with beside its values: place, codes, sentences."""
    findings = row["findings"]
    return {
        "row": row["row"],
        "place": row.get("place"),
        "codes": " ".join(f"{f['code']}:{f['item']}" if f.get("item") else f["code"] for f in findings),
        "says": "；".join(f["says"] for f in findings),
    }


def flat(row: dict[str, Any]) -> dict[str, Any]:
    """Lays one problem row out for a table: the values in one cell as column=value."""
    values = "，".join(f"{name}={text(value)}" for name, value in row["values"].items() if value is not None)
    return facts_of(row) | {"values": values}


def sheet(rows: Iterable[dict[str, Any]]) -> tuple[list[str], Iterator[dict[str, Any]]]:
    """Lays problem rows out for a spreadsheet: one column for each column of the source, the raw record last."""
    following, first = iter(rows), []
    for row in following:
        first.append(row)
        if RAW not in row["values"]:
            break
    source = [name for name in (first[-1]["values"] if first else {}) if name != RAW]
    names = [*(heading for _, heading in FIXED), *source, RAW_TITLE]
    return names, (_spread(row) for row in chain(first, following))


def _spread(row: dict[str, Any]) -> dict[str, Any]:
    facts = facts_of(row)
    return {
        **{heading: facts[key] for key, heading in FIXED},
        **{name: value for name, value in row["values"].items() if name != RAW},
        RAW_TITLE: row["values"].get(RAW),
    }


@app.command()
def show(
    run: Run,
    format_: Annotated[Format, typer.Option("--format", help="输出格式；csv 供表格软件打开。")] = Format.table,
    as_json: Annotated[bool, typer.Option("--json", help="等于 --format json。")] = False,
) -> None:
    """显示一个批次的问题数据：收到的原样和全部问题。

    示例：shuqiao quarantine show 20261122T080000-1a2b3c4d --format csv > 问题数据.csv
    """
    with hub() as (opened, actor):
        rows: Iterable[dict[str, Any]] = (plain(row) for row in use_cases.show(opened, actor, run))
        if as_json or format_ is Format.json:
            write_json_rows(rows, sys.stdout)
        elif format_ is Format.csv:
            names, records = sheet(rows)
            sys.stdout.write(MARK)
            write_csv(names, records, sys.stdout)
        else:
            print_table(f"批次 {run} 的问题数据", COLUMNS, map(flat, rows), empty="本批次没有问题数据。")
