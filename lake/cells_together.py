"""Two tables in cells, joined by their subjects: no answer may rest on few subjects of a cell, in the join or left out.

Who counts a table alone and again joined, or again by the other table's cells, may subtract. So the subjects of each
cell are cut by the other table's cells, and by whether they are in it at all; where a part is too small, the other
table's items are lost there, then those of both (lake/cells.py does the same with one table).
"""

from collections.abc import Mapping
from typing import Any

from lake.cells import Placed
from lake.counting import Link, subject_mark
from lake.duck import quoted
from schemas.errors import QueryError


def place_together(duck: Any, link: Link, placed: Mapping[str, Placed]) -> None:
    """Takes cell items from the rows of both tables where they would cut too finely; raises QueryError where a subject
    has several rows in the other table, which would tell him by their number."""
    counted, other = placed[link.counted], placed[link.other]
    key = quoted(link.other_by)
    rows, subjects = duck.execute(f"SELECT count({key}), count(DISTINCT {key}) FROM {other.name}").fetchone()
    if rows != subjects:
        raise QueryError(
            "该数据集一个主体可有多行，不能与仅条件数据项的数据集按主体联接", "每个主体一行的数据集", "请改写",
            code="CONDITION_USE",
        )  # fmt: skip
    _cut(duck, link, counted, other)
    _lose(duck, other, "other", "fate <> 'kept' AND other IS NOT NULL")
    _lose(duck, counted, "place", "fate IN ('lumped', 'gone')")
    duck.execute(f"DELETE FROM {counted.name} WHERE rowid IN (SELECT place FROM fates WHERE fate = 'gone')")


def _cut(duck: Any, link: Link, counted: Placed, other: Placed) -> None:
    """Says of each row of the counted table what is lost of it, in the table `fates`."""
    least = max(counted.least, other.least)
    marks = [f"count(DISTINCT {subject_mark(unit)})" for unit in counted.units]
    subjects = f"least({', '.join(marks)})" if len(marks) > 1 else marks[0]
    columns = ", ".join(f"a.{subject_mark(unit)}" for unit in counted.units)
    duck.execute(
        f"CREATE TEMP TABLE together AS SELECT a.rowid AS place, b.rowid AS other, {counted.cell('a')} AS x,"
        f" CASE WHEN b.rowid IS NOT NULL THEN {other.cell('b')} END AS y, b.rowid IS NOT NULL AS met, {columns}"
        f" FROM {counted.name} a LEFT JOIN {other.name} b ON a.{quoted(link.by)} = b.{quoted(link.other_by)}"
    )
    duck.execute(
        "CREATE TEMP TABLE cut AS SELECT f.x AS x, CASE WHEN f.fine THEN 'kept' WHEN c.coarse THEN 'alone'"
        " ELSE 'lumped' END AS fate FROM"
        f" (SELECT x, bool_and(n >= {least}) AS fine FROM (SELECT x, {subjects} AS n FROM together GROUP BY x, met, y)"
        " GROUP BY x) f JOIN"
        f" (SELECT x, bool_and(n >= {least}) AS coarse FROM (SELECT x, {subjects} AS n FROM together GROUP BY x, met)"
        " GROUP BY x) c ON f.x IS NOT DISTINCT FROM c.x"
    )
    duck.execute(
        "CREATE TEMP TABLE fates AS SELECT t.place, t.other, t.met, c.fate, "
        f"{columns.replace('a.', 't.')} FROM together t JOIN cut c ON t.x IS NOT DISTINCT FROM c.x"
    )
    enough = duck.execute(
        f"SELECT coalesce(bool_and(n >= {least}), true) FROM"
        f" (SELECT {subjects} AS n FROM fates WHERE fate = 'lumped' GROUP BY met)"
    ).fetchone()
    if not enough[0]:
        duck.execute("UPDATE fates SET fate = 'gone' WHERE fate = 'lumped'")


def _lose(duck: Any, placed: Placed, column: str, where: str) -> None:
    if placed.items:
        nulls = ", ".join(f"{quoted(item)} = NULL" for item in placed.items)
        duck.execute(f"UPDATE {placed.name} SET {nulls} WHERE rowid IN (SELECT {column} FROM fates WHERE {where})")
