"""Use-case of the problem rows as one list, which a department hands to those who mend them. Shows no more than a page.

Every row of the list is in the audit event by its key's hash, committed before the first byte leaves.
"""

from dataclasses import dataclass

from exchange import spreadsheets
from exchange.access import Actor
from exchange.audit import record_read, use_case
from exchange.hub import Hub
from exchange.problem_rows import FoundRow, find_rows, titles_of
from exchange.problems import entry_of_version, read_rule, sight_of, sought_in

#: More rows than this are mended at their root, not one by one.
MOST = 5000
_FIXED = ("批次", "行号", "来源位置", "问题", "怎样更正")


@dataclass(frozen=True, slots=True)
class RowList:
    """Problem rows as received, masked unless they are the reader's own; `more` says that there are others."""

    title: str
    clear: bool
    headings: tuple[str, ...]
    rows: tuple[tuple[spreadsheets.Cell, ...], ...]
    more: bool


@use_case("problem.export")
def list_rows(hub: Hub, actor: Actor, dataset: str, rule: str | None = None, within: str | None = None) -> RowList:
    """Lists the rejected rows of a dataset with their findings, at most 5,000; raises Denied, NotFound."""
    stored, clear = sight_of(hub, actor, "problem.export", dataset)
    with hub.transaction() as connection:
        sought = sought_in(connection, stored, rule, within)
        entry = entry_of_version(connection, stored)
    found = find_rows(hub, sought, read_rule(rule), 1, clear=clear, size=MOST)
    record_read(
        hub,
        actor,
        "problem.export",
        dataset,
        entry_code=stored.code,
        row_count=len(found.rows),
        subject_key_hashes=[each.key.hex() for each in found.rows if each.key is not None],
        detail={"clear": clear, "runs": sorted({each.row.run_id for each in found.rows})},
    )
    titles = titles_of(entry) if entry else {}
    rows = tuple(_cells(each, list(titles)) for each in found.rows)
    return RowList(stored.title, clear, (*_FIXED, *titles.values()), rows, found.more)


def _cells(found: FoundRow, names: list[str]) -> tuple[spreadsheets.Cell, ...]:
    row = found.row
    says = "；".join(each.says for each in row.findings)
    mend = "；".join(dict.fromkeys(each.next for each in row.findings if each.next))
    values = {cell.name: cell.received for cell in row.cells}
    whole = [values.get(name) for name in names] if row.raw is None else [row.raw, *[None] * (len(names) - 1)]
    return (row.run_id, row.row, row.place, says, mend, *whole)
