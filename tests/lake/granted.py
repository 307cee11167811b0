"""A small lake with canaries and the plans of grants over it, for the tests of what leaves it. Not a test."""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from lake.analysis import Analysis, Granted, Limits
from lake.disclosure import Disclosure
from lake.duck import connect
from lake.rewrite import rewrite
from lake.table import LakeTable
from schemas.entry import Entry
from schemas.grants import Grant, GrantedItem, Predicate, RowFilter
from tests.lake.people import MARRIAGES, PEOPLE, Hub, coder_of, marriage, person

ENTRIES: Mapping[str, Entry] = {"people": PEOPLE, "marriages": MARRIAGES}
#: In every value that no grant of the tests gives in plain.
CANARY = "金丝雀"
ROWS = 120


def numbered(n: int) -> dict[str, Any]:
    """Returns a row of PEOPLE: names and memos are canaries; odd rows lie outside of the region 6204."""
    return person(
        n,
        f"6204{n % 3:02d}" if n % 2 == 0 else "110101",
        name=f"{CANARY}{n:03d}",
        memo=f"{CANARY}备注{n}",
        birth=date(1950, 1, 1) + timedelta(days=n * 137),
        amount=Decimal(n) / 4,
        alive=n % 4 < 2,
    )


def wed(n: int) -> dict[str, Any]:
    """Returns a row of MARRIAGES between two rows of PEOPLE."""
    return marriage(n, first_id=numbered(2 * n)["citizen_id"], second_id=numbered(2 * n + 1)["citizen_id"])


def build(root: Path) -> Path:
    """Publishes both datasets."""
    with connect(256) as duck:
        Hub(root, PEOPLE, duck).sync([numbered(n) for n in range(ROWS)])
        Hub(root, MARRIAGES, duck).sync([wed(n) for n in range(ROWS // 2)])
    return root


def grant(dataset: str, items: Sequence[GrantedItem], rows: RowFilter | None = None, minimum: int = 10) -> Grant:
    """Returns a grant for queries."""
    begin, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    rows = rows or RowFilter()
    return Grant("G-1", dataset, "x", tuple(items), rows, ("basis",), ("query",), begin, end, minimum_rows=minimum)


def granted(root: Path, *grants: Grant) -> dict[str, Granted]:
    """Opens the granted datasets."""
    out = {}
    for each in grants:
        table, entry = LakeTable(root, each.dataset), ENTRIES[each.dataset]
        assert table.layout is not None
        out[each.dataset] = Granted(table, Disclosure.of(each, entry, table.layout), coder_of(entry))
    return out


def ask(views: Mapping[str, Granted], sql: str, limits: Limits | None = None) -> list[dict[str, Any]]:
    """Runs a statement and returns its rows."""
    rewritten = rewrite(sql, {name: view.plan for name, view in views.items()})
    with Analysis(rewritten, views, limits) as result:
        return [row for batch in result for row in batch.to_pylist()]


def plain(*names: str) -> list[GrantedItem]:
    """Grants items in plain."""
    return [GrantedItem(name, "plain") for name in names]


EVERY = ("=", "<>", "<", "<=", ">", ">=", "in", "between", "is null")
#: Some of everything: region 6204 alone, masked names and numbers, a hidden birthday and a hidden sum.
USUAL = grant(
    "people",
    [
        GrantedItem("citizen_id", "masked"), GrantedItem("name", "masked"), *plain("region", "count", "updated"),
        GrantedItem("birth", "condition", comparisons=EVERY),
        GrantedItem("amount", "condition", comparisons=("<", ">=")),
    ],
    RowFilter("region", ("6204",), (Predicate("count", "<", ("110",)),)),
)  # fmt: skip
WEDDINGS = grant("marriages", [GrantedItem("first_id", "masked"), *plain("registered", "unit_code")])


def tries(default: int) -> int:
    """Returns how many statements a long test makes: SHUQIAO_TEST_STATEMENTS, or few."""
    return int(os.environ.get("SHUQIAO_TEST_STATEMENTS", default))  # noqa: TID251 - a test's own length
