"""An analyst's statement → the statement that runs: over views that hold granted rows and items alone, masked already.

The text that runs is written from the checked tree. Each dataset is a view in the schema `granted`; a statement in
which a condition-only item takes part runs over cells instead (lake/counting.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlglot import exp

from lake.counting import Counting, compile_counting
from lake.disclosure import Disclosure
from lake.duck import path_list, quoted
from lake.layout import KEY_HASH
from lake.masked_sql import masked_sql
from lake.statement import analyse

SCHEMA = "granted"


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What runs: its text, the columns that each dataset's view shows, the counting (when conditions take part), and
    whether other values stand for the key hashes."""

    sql: str
    columns: Mapping[str, tuple[str, ...]]
    counting: Counting | None = None
    pseudonyms: bool = False
    hidden: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def datasets(self) -> tuple[str, ...]:
        """The datasets that it reads."""
        return tuple(self.columns)


def rewrite(sql: str, plans: Mapping[str, Disclosure]) -> Rewritten:
    """Checks and rewrites one SELECT over the granted datasets (`plans` by name); raises QueryError."""
    statement = analyse(sql, plans)
    if statement.conditioned:
        counting = compile_counting(statement, plans)
        shown: dict[str, set[str]] = {}
        hidden: dict[str, set[str]] = {}
        for table in counting.tables.values():
            plan, name = table.plan, table.plan.layout.dataset
            shared = {item.name for item in plan.readable.values() if item.shared}
            shown.setdefault(name, set()).update(shared)
            hidden.setdefault(name, set()).update(table.hidden, table.linked, table.counted, plan.units)
        return Rewritten(counting.sql, _ordered(shown), counting, hidden=_ordered(hidden))
    by_lower = {name.lower(): name for name in plans}
    ctes = {cte.alias.lower() for cte in statement.tree.find_all(exp.CTE)}
    columns = statement.columns
    for table_node in statement.tree.find_all(exp.Table):
        if table_node.name.lower() not in ctes:
            dataset = by_lower[table_node.name.lower()]
            columns.setdefault(dataset, set())
            table_node.set("this", exp.to_identifier(dataset, quoted=True))
            table_node.set("db", exp.to_identifier(SCHEMA, quoted=True))
    text = statement.tree.sql(dialect="duckdb", comments=False)
    # A view needs a column even where rows are only counted.
    needed = {name: found or {KEY_HASH.name} for name, found in columns.items()}
    return Rewritten(text, _ordered(needed), pseudonyms=statement.pseudonyms)


def _ordered(columns: Mapping[str, set[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(sorted(found)) for name, found in columns.items()}


def granted_select(
    plan: Disclosure, names: Sequence[str], files: Sequence[Path], hidden: Sequence[str], salt: str | None
) -> str:
    """Writes the SELECT of a dataset's granted rows over its Parquet files; none of the items may be a sealed one.

    `hidden` are columns for counting alone. With a salt, a keyed pseudonym stands for each hash.
    """
    columns = [f"{_shown(plan, name, salt)} AS {quoted(name)}" for name in names]
    columns += [quoted(name) for name in hidden if name not in names]
    where = " AND ".join(term.sql() for term in plan.rows)
    source = f"read_parquet({path_list(files)}, hive_partitioning = false)"
    return f"SELECT {', '.join(columns)} FROM {source}{f' WHERE {where}' if where else ''}"


def _shown(plan: Disclosure, name: str, salt: str | None) -> str:
    item = plan.readable.get(name)
    if item is not None:
        return masked_sql(item.mask, quoted(name), item.column.type) if item.mask else quoted(name)
    if name not in plan.hashes:
        raise KeyError(name)
    return pseudonym(name, salt) if salt else quoted(name)


def pseudonym(name: str, salt: str) -> str:
    """Writes what stands for a hash that leaves: equal where the hashes are, and of no use outside of this result."""
    return f"sha256('{salt}' || hex({quoted(name)}))"
