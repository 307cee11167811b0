"""Statements in which a condition-only item takes part: compiled, not edited, to counts over cells of many subjects.

Such a statement may only count, by and within *shared* items (region, codes), so that each answer depends on the
condition-only values of a cell as a set: exchanging them among a cell's subjects changes no answer, hence no number of
answers tells which subject has which value (docs/decisions/2026-11-28-condition-only-items.md). The text that runs is
written here from scratch; nothing of the analyst's text but typed values gets into it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from lake.disclosure import Disclosed, Disclosure
from lake.duck import quoted
from lake.layout import Column, subject_column
from lake.statement import Statement
from lake.terms import term
from schemas.errors import InputError, QueryError
from schemas.grants import Comparison

CELLS = "按行政区划、代码等多人共有的数据项分组和筛选，只作计数"
_COMPARE: Mapping[type[exp.Expr], Comparison] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
}  # fmt: skip
_MIRROR: Mapping[Comparison, Comparison] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(slots=True)
class Table:
    """One dataset in the statement, under its alias: what it is filtered and grouped by, and what stays hidden."""

    alias: str
    plan: Disclosure
    shared: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    linked: set[str] = field(default_factory=set)  # visible hashes that it is joined by
    counted: set[str] = field(default_factory=set)  # hashes whose distinct values are counted


@dataclass(frozen=True, slots=True)
class Link:
    """A join of two tables by a subject's hash: the one whose hidden values are counted, and the other."""

    counted: str
    by: str
    other: str
    other_by: str


@dataclass(slots=True)
class Counting:
    """A compiled statement: its tables, the SELECT over their cells (views named by `cells_view`), and the join by
    subjects in it."""

    tables: dict[str, Table]
    sql: str = ""
    link: Link | None = None


def cells_view(alias: str) -> str:
    """Names the view that shows a table's rows in cells."""
    return "cells." + quoted(alias)


def subject_mark(unit: str) -> str:
    """Names the column of a cells view by which the subjects of a unit are counted: short, and of no other use."""
    return quoted(f"#{unit}")


def compile_counting(statement: Statement, plans: Mapping[str, Disclosure]) -> Counting:
    """Compiles a resolved statement; raises QueryError for whatever is more than counting."""
    select = statement.tree
    if not isinstance(select, exp.Select) or select.args.get("with_") or select.args.get("distinct"):
        raise _too_much("子查询、WITH、DISTINCT 或集合运算")
    if sum(1 for _ in select.find_all(exp.Select)) > 1 or select.find(exp.Window, exp.Filter):
        raise _too_much("子查询或窗口函数")
    compiler = _Compiler(plans)
    compiler.tables(select)
    return compiler.finish(select)


def _too_much(what: str) -> QueryError:
    return QueryError(
        f"仅条件数据项不能与{what}同用",
        f"含仅条件数据项的查询只能{CELLS}（count(*)、count(DISTINCT 主体)）",
        "请改写，或申请该数据项的脱敏或明文授权",
        code="CONDITION_USE",
    )


class _Compiler:
    def __init__(self, plans: Mapping[str, Disclosure]) -> None:
        self._plans = {name.lower(): plan for name, plan in plans.items()}
        self._out = Counting({})
        self._from = ""
        self._links: list[tuple[tuple[str, str], tuple[str, str]]] = []

    def tables(self, select: exp.Select) -> None:
        """Reads FROM and its joins: datasets alone, inner, on equalities."""
        origin = select.args.get("from_")
        if origin is None:
            raise _too_much("没有 FROM 的查询")
        self._from = self._table(origin.this)
        for join in select.args.get("joins") or ():
            if join.args.get("side") or join.args.get("kind") not in {None, "", "INNER"} or not join.args.get("on"):
                raise _too_much("内联接以外的联接")
            self._from += f" JOIN {self._table(join.this)} ON {self._equalities(join.args['on'])}"
        for table in self._out.tables.values():
            if table.hidden and table.linked:
                raise _too_much("按其他标识的联接")
        if self._links and (len(self._links) > 1 or len(self._out.tables) > 2):
            raise _too_much("两个以上数据集按主体的联接")

    def _table(self, node: exp.Expr) -> str:
        plan = self._plans.get(node.name.lower()) if isinstance(node, exp.Table) else None
        alias = node.alias_or_name
        if plan is None or alias in self._out.tables or len(self._out.tables) >= 4:
            raise _too_much("子查询或重复的表")
        self._out.tables[alias] = Table(alias, plan)
        return f"{cells_view(alias)} AS {quoted(alias)}"

    def _equalities(self, node: exp.Expr) -> str:
        if isinstance(node, exp.Paren):
            return self._equalities(node.this)
        if isinstance(node, exp.And):
            return f"{self._equalities(node.this)} AND {self._equalities(node.expression)}"
        sides = (node.this, node.expression) if isinstance(node, exp.EQ) else ()
        if len(sides) != 2 or not all(isinstance(side, exp.Column) for side in sides):
            raise _too_much("等值以外的联接条件")
        said = " = ".join(self._joined(side) for side in sides)
        ends = [(each.table, self._hash(each)) for each in sides]
        if any(name for _, name in ends):
            if not all(name for _, name in ends):
                raise _too_much("标识与其他数据项的联接")
            self._links.append((ends[0], ends[1]))
        return said

    def _hash(self, node: exp.Column) -> str:
        plan = self._of(node).plan
        name = _real(node.name, plan.grant_names) or ""
        return name if name in plan.hashes or (name in plan.hidden and name not in plan.conditions) else ""

    def _joined(self, node: exp.Column) -> str:
        table = self._of(node)
        name = _real(node.name, table.plan.grant_names)
        if name in table.plan.hidden:
            item = table.plan.conditions.get(name)
            if item is not None and item.identifying:
                raise _too_much("姓名、号码一类数据项的联接")
            table.hidden.add(name)
        elif name in table.plan.hashes:
            table.linked.add(name)
        else:
            return self._shared(node)
        return f"{quoted(table.alias)}.{quoted(name)}"

    def finish(self, select: exp.Select) -> Counting:
        """Writes the SELECT over the cells; groups that rest on too few subjects are left out."""
        where = select.args.get("where")
        condition = f" WHERE {self._predicate(where.this)}" if where else ""
        names, columns = [], []
        for number, projection in enumerate(select.expressions):
            names.append(projection.alias_or_name or f"column{number}")
            columns.append(self._output(projection.unalias()))
        group = self._group(select)
        if not any("count(" in column for column in columns) and not group:
            raise _too_much("逐行输出")
        listed = ", ".join(f"{c} AS {quoted(n)}" for c, n in zip(columns, names, strict=True))
        having = self._having(select)
        order = self._order(select, names)
        self._out.link = self._link()
        self._out.sql = f"SELECT {listed} FROM {self._from}{condition}{group}{having}{order}{_limits(select)}"
        return self._out

    def _link(self) -> Link | None:
        """Returns the join by subjects, the table with compared hidden items first; two such tables are refused."""
        if not self._links:
            return None
        ends = sorted(self._links[0], key=lambda end: not self._compares(end[0]))
        if self._compares(ends[1][0]):
            raise _too_much("另一数据集的仅条件数据项")
        return Link(*ends[0], *ends[1])

    def _compares(self, alias: str) -> bool:
        table = self._out.tables[alias]
        return bool(table.hidden & set(table.plan.conditions))

    def _of(self, node: exp.Expr) -> Table:
        table = self._out.tables.get(node.table) if isinstance(node, exp.Column) else None
        if table is None:
            raise _too_much("表达式")
        return table

    def _shared(self, node: exp.Expr) -> str:
        table = self._of(node)
        item = table.plan.readable.get(_real(node.name, table.plan.grant_names) or "")
        if item is None or not item.shared:
            raise _too_much("多人共有的数据项以外的输出、筛选、分组或函数")
        table.shared.add(item.name)
        return f"{quoted(table.alias)}.{quoted(item.name)}"

    def _output(self, node: exp.Expr) -> str:
        return self._count(node) if isinstance(node, exp.Count) else self._shared(node)

    def _count(self, node: exp.Count) -> str:
        if isinstance(node.this, exp.Star):
            return "count(*)"
        distinct = node.this
        if not isinstance(distinct, exp.Distinct) or len(distinct.expressions) != 1:
            raise _too_much("count(*)、count(DISTINCT 主体) 以外的汇总")
        column = distinct.expressions[0]
        table = self._of(column)
        name = _real(column.name, table.plan.grant_names) or ""
        name = name if name not in table.plan.conditions else subject_column(name)
        if name not in {*table.plan.units, *table.plan.hashes}:
            raise _too_much("count(*)、count(DISTINCT 主体) 以外的汇总")
        table.counted.add(name)
        return f"count(DISTINCT {quoted(table.alias)}.{quoted(name)})"

    def _group(self, select: exp.Select) -> str:
        group = select.args.get("group")
        if group is None:
            if any(not isinstance(each.unalias(), exp.Count) for each in select.expressions):
                raise _too_much("逐行输出")
            return ""
        if group.args.get("all"):
            columns = [self._shared(e.unalias()) for e in select.expressions if not isinstance(e.unalias(), exp.Count)]
        else:
            columns = [self._shared(each) for each in group.expressions]
        return f" GROUP BY {', '.join(columns)}" if columns else ""

    def _having(self, select: exp.Select) -> str:
        enough = []
        for table in self._out.tables.values():
            units = [f"count(DISTINCT {quoted(table.alias)}.{subject_mark(unit)})" for unit in table.plan.units]
            enough += [f"{unit} >= {max(table.plan.grant.minimum_rows, 2)}" for unit in units]
        said = select.args.get("having")
        return " HAVING " + " AND ".join([*enough, *([self._counts(said.this)] if said else [])])

    def _counts(self, node: exp.Expr) -> str:
        if isinstance(node, exp.Paren):
            return f"({self._counts(node.this)})"
        if isinstance(node, exp.And | exp.Or):
            word = "AND" if isinstance(node, exp.And) else "OR"
            return f"({self._counts(node.this)} {word} {self._counts(node.expression)})"
        sign = _COMPARE.get(type(node))
        if sign is None or not isinstance(node.this, exp.Count) or not _whole(node.expression):
            raise _too_much("计数以外的 HAVING 条件")
        return f"{self._count(node.this)} {sign} {node.expression.name}"

    def _order(self, select: exp.Select, names: Sequence[str]) -> str:
        order, out = select.args.get("order"), []
        for each in order.expressions if order else ():
            node = each.this
            if isinstance(node, exp.Column) and not node.table and node.name in names:
                said = quoted(node.name)
            elif _whole(node) and 1 <= int(node.name) <= len(names):
                said = quoted(names[int(node.name) - 1])
            else:
                said = self._output(node)
            nulls = " NULLS FIRST" if each.args.get("nulls_first") else ""
            out.append(said + (" DESC" if each.args.get("desc") else "") + nulls)
        return f" ORDER BY {', '.join(out)}" if out else ""

    def _predicate(self, node: exp.Expr) -> str:
        if isinstance(node, exp.Paren):
            return f"({self._predicate(node.this)})"
        if isinstance(node, exp.And | exp.Or):
            word = "AND" if isinstance(node, exp.And) else "OR"
            return f"({self._predicate(node.this)} {word} {self._predicate(node.expression)})"
        if isinstance(node, exp.Not):
            return f"(NOT {self._predicate(node.this)})"
        column, comparison, values = _comparison(node)
        return self._compared(column, comparison, values)

    def _compared(self, node: exp.Column, comparison: Comparison, values: Sequence[str]) -> str:
        table = self._of(node)
        name = _real(node.name, table.plan.grant_names) or ""
        item = table.plan.conditions.get(name)
        if item is None:
            self._shared(node)
            item = table.plan.readable[name]
        else:
            _check_listed(item, comparison)
            table.hidden.add(name)
        if table.hidden and table.linked:
            raise _too_much("按其他标识的联接")
        column = Column(name, "C", None, False) if item.mask else item.column
        try:
            return term(column, comparison, values).sql(f"{quoted(table.alias)}.{quoted(name)}")
        except InputError as error:
            raise QueryError(error.got, error.allowed, error.next_step, code=error.code) from None


def _check_listed(item: Disclosed, comparison: Comparison) -> None:
    if item.identifying:
        raise _too_much("姓名、号码一类数据项的取值比较")
    if comparison not in item.comparisons:
        allowed = "、".join(item.comparisons) or "只能用于联接"
        raise QueryError(
            f"仅条件数据项 {item.name} 不能这样比较", f"授权的比较：{allowed}", "请改写或申请增加", code="CONDITION_USE"
        )


def _comparison(node: exp.Expr) -> tuple[exp.Column, Comparison, list[str]]:
    """Reads one comparison of a column with constants."""
    sign = _COMPARE.get(type(node))
    if sign is not None:
        left, right = node.this, node.expression
        if isinstance(right, exp.Column):
            left, right, sign = right, left, _MIRROR.get(sign, sign)
        return _column(left), sign, [_constant(right)]
    if isinstance(node, exp.In) and not node.args.get("query"):
        return _column(node.this), "in", [_constant(each) for each in node.expressions]
    if isinstance(node, exp.Between):
        return _column(node.this), "between", [_constant(node.args["low"]), _constant(node.args["high"])]
    if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
        return _column(node.this), "is null", []
    raise _too_much("与常量的比较以外的条件")


def _column(node: exp.Expr) -> exp.Column:
    if not isinstance(node, exp.Column):
        raise _too_much("函数或表达式")
    return node


def _constant(node: exp.Expr) -> str:
    if isinstance(node, exp.Cast):
        node = node.this
    if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal) and not node.this.is_string:
        return "-" + str(node.this.name)
    if isinstance(node, exp.Boolean):
        return "true" if node.this else "false"
    if not isinstance(node, exp.Literal):
        raise _too_much("常量以外的比较值")
    return str(node.name)


def _whole(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and not node.is_string and node.name.isdecimal() and len(node.name) < 10


def _limits(select: exp.Select) -> str:
    out = ""
    for name in ("limit", "offset"):
        part = select.args.get(name)
        if part is not None:
            if not _whole(part.expression):
                raise _too_much(f"常量以外的 {name.upper()}")
            out += f" {name.upper()} {part.expression.name}"
    return out


def _real(name: str, names: Sequence[str]) -> str | None:
    return next((each for each in names if each.lower() == name.lower()), None)
