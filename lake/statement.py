"""An analyst's statement against the plans of his grants: every name resolved to a granted item, or the whole refused.

The schema that names are resolved against holds granted items and key hashes only, so that an item that is not granted
and one that is not there get the same answer. A star stands for the items that leave; hashes and condition-only items
must be named.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify

from lake.disclosure import Disclosure
from lake.layout import subject_column
from lake.statement_grammar import ALLOWED, check, read, unknown
from schemas.errors import QueryError


@dataclass(slots=True)
class Statement:
    """A resolved statement. `columns`: what it names of each dataset; `conditioned`: a condition-only item takes part;
    `pseudonyms`: a key hash is used for more than joining and counting, so another stands for it."""

    tree: exp.Query
    columns: dict[str, set[str]] = field(default_factory=dict)
    conditioned: bool = False
    pseudonyms: bool = False


def datasets_named(sql: str) -> tuple[str, ...]:
    """Names what a statement reads from, in lower case, without looking at what is granted; raises QueryError."""
    tree = read(sql)
    own = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    return tuple(dict.fromkeys(t.name.lower() for t in tree.find_all(exp.Table) if t.name.lower() not in own))


def analyse(sql: str, plans: Mapping[str, Disclosure]) -> Statement:
    """Checks and resolves a statement; `plans` by dataset name. Raises QueryError."""
    tree = read(sql)
    names = {name.lower(): plan for name, plan in plans.items()}
    granted = _listed(plans)
    _check_tables(tree, names, granted)
    for select in list(tree.find_all(exp.Select)):
        _expand_stars(select, names)
    try:
        tree = qualify(tree, schema=_schema(names), dialect="duckdb")
    except (SqlglotError, RecursionError):
        raise unknown(granted) from None
    check(tree)
    if not isinstance(tree, exp.Query):
        raise unknown(granted)
    statement = Statement(tree)
    _join_by_hash(tree, names)
    for column in tree.find_all(exp.Column):
        _take(statement, column, names, granted)
    return statement


def _schema(names: Mapping[str, Disclosure]) -> dict[str, object]:
    return {name: {column.lower(): "VARCHAR" for column in plan.grant_names} for name, plan in names.items()}


def _listed(plans: Mapping[str, Disclosure]) -> str:
    if not plans:
        return "目前没有可查询的数据集"
    return "可用：" + "；".join(f"{name}（{'、'.join(plan.grant_names)}）" for name, plan in sorted(plans.items()))


def _check_tables(tree: exp.Expr, names: Mapping[str, Disclosure], granted: str) -> None:
    named = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    if named & names.keys():
        raise QueryError("WITH 中的名称与数据集同名", "", "请换一个名称")
    for table in tree.find_all(exp.Table):
        if table.name.lower() not in names and table.name.lower() not in named:
            raise unknown(granted)
        alias = table.args.get("alias")
        if alias is not None and alias.args.get("columns"):
            raise QueryError(
                "给数据集的列改名", "列名可在 SELECT 中用 AS 改", "请删去表别名后的列名", code="QUERY_REFUSED"
            )


def _sources(select: exp.Expr) -> Iterator[tuple[exp.Expr, tuple[str, ...]]]:
    """Yields what a SELECT reads from, each with the names by which USING joins it."""
    origin = select.args.get("from_")
    if origin is not None:
        yield origin.this, ()
    for join in select.args.get("joins") or ():
        yield join.this, tuple(name.name.lower() for name in join.args.get("using") or ())


def _expand_stars(select: exp.Select, names: Mapping[str, Disclosure]) -> None:
    sources = list(_sources(select))
    bases = [source for source, _ in sources if isinstance(source, exp.Table) and source.name.lower() in names]
    out: list[exp.Expr] = []
    for projection in select.expressions:
        star = projection.is_star and isinstance(projection, exp.Star | exp.Column)
        if not star or not bases:
            out.append(projection)
            continue
        of = projection.table.lower() if isinstance(projection, exp.Column) else None
        for source, using in sources:
            if of is None or source.alias_or_name.lower() == of:
                out += _columns_of(source, using if of is None else (), names)
    if not out:
        raise QueryError("* 没有可展开的数据项", "授权中没有可输出的数据项", "请写明列名", code="QUERY_NAME")
    select.set("expressions", out)


def _columns_of(source: exp.Expr, using: tuple[str, ...], names: Mapping[str, Disclosure]) -> list[exp.Expr]:
    plan = names.get(source.name.lower()) if isinstance(source, exp.Table) else None
    alias = source.alias_or_name
    if plan is not None:
        return [exp.column(name, table=alias) for name in plan.readable if name.lower() not in using]
    if not alias:
        raise QueryError("子查询没有别名", "与 * 同用时须有别名", "请给子查询起别名", code="QUERY_NAME")
    return [exp.column(exp.Star(), table=alias)]


def source_of(column: exp.Column) -> exp.Expr | None:
    """Returns what a qualified column comes from: a table, a subquery or a VALUES list; None for an output's alias."""
    node: exp.Expr | None = column
    while node is not None and column.table:
        node = node.find_ancestor(exp.Select)
        for source, _ in _sources(node) if node is not None else ():
            if source.alias_or_name.lower() == column.table.lower():
                return source
    return None


def dataset_of(column: exp.Column, names: Mapping[str, Disclosure]) -> str | None:
    """Returns the dataset (lower case) that a column is of; None when it comes from elsewhere."""
    source = source_of(column)
    found = isinstance(source, exp.Table) and source.name.lower() in names
    return source.name.lower() if found and source is not None else None


def _join_by_hash(tree: exp.Expr, names: Mapping[str, Disclosure]) -> None:
    """Turns the equality of two subject items, one of them condition-only, into that of their hashes."""
    for equal in list(tree.find_all(exp.EQ)):
        sides = [side for side in (equal.this, equal.expression) if isinstance(side, exp.Column)]
        plans = [names.get(dataset_of(side, names) or "") for side in sides]
        subjects = [_subject(plan, side.name) if plan else None for plan, side in zip(plans, sides, strict=True)]
        hidden = [plan is not None and _condition(plan, side.name) for plan, side in zip(plans, sides, strict=True)]
        if len(sides) == 2 and all(subjects) and any(hidden):
            for side, subject in zip(sides, subjects, strict=True):
                side.set("this", exp.to_identifier(subject_column(subject or "").lower(), quoted=True))


def _subject(plan: Disclosure, name: str) -> str | None:
    return next((c.name for c in plan.layout.subjects if c.name.lower() == name.lower()), None)


def _condition(plan: Disclosure, name: str) -> bool:
    return any(item.lower() == name.lower() for item in plan.conditions)


def _take(statement: Statement, column: exp.Column, names: Mapping[str, Disclosure], granted: str) -> None:
    dataset = dataset_of(column, names)
    if dataset is None:
        if source_of(column) is None and not _orders_by_output(column):
            raise unknown(granted)
        return
    plan = names[dataset]
    given = {name.lower(): name for name in plan.grant_names}
    name = given.get(column.name.lower())
    if name is None:
        raise unknown(granted)
    statement.columns.setdefault(plan.layout.dataset, set()).add(name)
    statement.conditioned |= name in plan.hidden
    statement.pseudonyms |= name in plan.hashes and not _joins_or_counts(column, names)


def _orders_by_output(column: exp.Column) -> bool:
    """Says whether an unqualified column is an output's alias in ORDER BY."""
    order = column.find_ancestor(exp.Order, exp.Select, exp.SetOperation)
    if not isinstance(order, exp.Order) or not isinstance(order.parent, exp.Select | exp.SetOperation):
        return False
    return column.name in order.parent.named_selects


def _joins_or_counts(column: exp.Column, names: Mapping[str, Disclosure]) -> bool:
    parent = column.parent
    if isinstance(parent, exp.EQ):
        other = parent.expression if parent.this is column else parent.this
        if not isinstance(other, exp.Column):
            return False
        plan = names.get(dataset_of(other, names) or "")
        return plan is not None and any(other.name.lower() == name.lower() for name in plan.hashes)
    if isinstance(parent, exp.Distinct):
        parent = parent.parent
    return isinstance(parent, exp.Count)


__all__ = ["ALLOWED", "Statement", "analyse", "dataset_of", "source_of"]
