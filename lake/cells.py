"""Cells of many subjects: which shared items cut a table into cells, and the views that show its rows in them.

The items are chosen from what the analyst may read anyway, in the order of the grant, regions first: one is added while
few subjects fall into cells that are too small. Rows of small cells lose these items together (they count as 其他), or
leave altogether when all of them together are too few.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lake.counting import Table, cells_view, subject_mark
from lake.duck import quoted
from schemas.errors import QueryError

_LOST = 0.10
_MOST_ITEMS = 6


@dataclass(frozen=True, slots=True)
class Placed:
    """A table in its cells: where it stands, the items that cut it, the units of its subjects, how many are enough."""

    alias: str
    name: str
    items: tuple[str, ...]
    units: tuple[str, ...]
    least: int

    def cell(self, of: str) -> str:
        """Writes a row's cell as one value."""
        return f"row({', '.join(f'{of}.{quoted(item)}' for item in self.items) or '0'})"


def build_cells(duck: Any, table: Table, source: str, number: int) -> Placed:
    """Creates the cells view of one table of a counting statement; raises QueryError for items that cut too finely."""
    base = f"base_{number}"
    shared = [item.name for item in table.plan.readable.values() if item.shared]
    columns = [quoted(name) for name in (*shared, *_carried(table))]
    marks = [
        f"CASE WHEN {quoted(u)} IS NOT NULL THEN hash({quoted(u)}) END AS {subject_mark(u)}" for u in table.plan.units
    ]
    duck.execute(f"CREATE TEMP TABLE {base} AS SELECT {', '.join([*columns, *marks])} FROM {source}")
    subjects = _subjects(duck, base, table)
    least = max(table.plan.grant.minimum_rows, 2)
    chosen = _choose(duck, base, subjects, least, table)
    if outside := table.shared - set(chosen):
        raise QueryError(
            f"与仅条件数据项同用时不能按 {'、'.join(sorted(outside))} 分组或筛选",
            "可用：" + ("、".join(chosen) or "无（只能对全部行计数）"),
            "请改写，或申请该仅条件数据项的脱敏或明文授权",
            code="CONDITION_USE",
        )
    _check_counted(duck, base, table)
    _view(duck, base, chosen, (subjects, least), table)
    return Placed(table.alias, f"{base}_placed", tuple(chosen), tuple(table.plan.units), least)


def _subjects(duck: Any, base: str, table: Table) -> str:
    """Returns the expression that counts subjects: of rows, where each row has its own."""
    units = [f"count(DISTINCT {subject_mark(unit)})" for unit in table.plan.units]
    rows, *counts = duck.execute(f"SELECT count(*), {', '.join(units)} FROM {base}").fetchone()
    if all(count == rows for count in counts):
        return "count(*)"
    return f"least({', '.join(units)})" if len(units) > 1 else units[0]


def _choose(duck: Any, base: str, subjects: str, least: int, table: Table) -> list[str]:
    items = [item for item in table.plan.readable.values() if item.shared]
    region = table.plan.grant.rows.region_item
    items.sort(key=lambda item: (item.name != region, not item.column.name.startswith("region")))
    chosen: list[str] = []
    for item in items[:_MOST_ITEMS]:
        columns = ", ".join(map(quoted, [*chosen, item.name]))
        kept, every = duck.execute(
            f"SELECT coalesce(sum(n) FILTER (n >= {least}), 0), coalesce(sum(n), 0)"
            f" FROM (SELECT {subjects} AS n FROM {base} GROUP BY {columns})"
        ).fetchone()
        if kept and (kept >= every * (1 - _LOST) or not chosen):
            chosen.append(item.name)
    return chosen


def _check_counted(duck: Any, base: str, table: Table) -> None:
    """A visible subject may only be counted where it has one row: else two counts would tell who has several."""
    for name in sorted(table.counted - set(table.plan.hidden)):
        rows, subjects = duck.execute(f"SELECT count(*), count(DISTINCT {quoted(name)}) FROM {base}").fetchone()
        if rows != subjects:
            raise QueryError(
                "该数据集一个主体可有多行，不能与仅条件数据项同时计主体数",
                "可用 count(*)",
                "请改写",
                code="CONDITION_USE",
            )


def _view(duck: Any, base: str, chosen: Sequence[str], rule: tuple[str, int], table: Table) -> None:
    subjects, least = rule
    cell = f"{base}_cells"
    columns = "".join(f"{quoted(name)}, " for name in chosen)
    group = f"GROUP BY {', '.join(map(quoted, chosen))}" if chosen else ""
    duck.execute(f"CREATE TEMP TABLE {cell} AS SELECT {columns}{subjects} AS n FROM {base} {group}")
    same = " AND ".join(f"b.{quoted(name)} IS NOT DISTINCT FROM c.{quoted(name)}" for name in chosen) or "TRUE"
    joined = f"{base} b JOIN {cell} c ON {same}"
    (together,) = duck.execute(f"SELECT {subjects} FROM {joined} WHERE c.n < {least}").fetchone()
    shown = [f"CASE WHEN c.n >= {least} THEN b.{quoted(name)} END AS {quoted(name)}" for name in chosen]
    shown += [f"b.{quoted(name)}" for name in _carried(table)]
    shown += [f"b.{subject_mark(unit)}" for unit in table.plan.units]
    kept = "TRUE" if together >= least else f"c.n >= {least}"
    duck.execute(f"CREATE TEMP TABLE {base}_placed AS SELECT {', '.join(shown)} FROM {joined} WHERE {kept}")
    duck.execute("CREATE SCHEMA IF NOT EXISTS cells")
    duck.execute(f"CREATE VIEW {cells_view(table.alias)} AS SELECT * FROM {base}_placed")


def _carried(table: Table) -> list[str]:
    return sorted({*table.hidden, *table.linked, *table.counted})
