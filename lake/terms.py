"""Conditions on rows with values given as texts: checked against the item's type, then read as Arrow masks and as SQL.

Both forms keep a row only where the condition is true; unknown is not true. Values are never repeated in a message.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from lake.duck import quoted
from lake.layout import INSTANT, Column, Layout
from schemas.errors import InputError, StateError
from schemas.grants import COMPARISONS, Comparison, RowFilter

_COUNTS: Mapping[Comparison, int] = {"between": 2, "is null": 0}
_ORDERED: Mapping[str, Callable[[pa.Array, pa.Scalar], pa.Array]] = {
    "=": pc.equal,
    "<>": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
_ZONE = "Asia/Shanghai"


@dataclass(frozen=True, slots=True)
class Term:
    """One condition on one item. `comparison` may also be `prefix`: the text begins with one of the values."""

    item: str
    comparison: str
    values: tuple[pa.Scalar, ...]

    def mask(self, column: pa.Array) -> pa.Array:
        """Says row by row whether the condition is true."""
        if pa.types.is_timestamp(column.type):
            column = column.cast(INSTANT)
        if self.comparison == "is null":
            return pc.is_null(column)
        if self.comparison == "in":
            found = [pc.equal(column, value) for value in self.values]
        elif self.comparison == "prefix":
            found = [pc.starts_with(column, value.as_py()) for value in self.values]
        elif self.comparison == "between":
            found = [pc.and_(pc.greater_equal(column, self.values[0]), pc.less_equal(column, self.values[1]))]
        else:
            found = [_ORDERED[self.comparison](column, self.values[0])]
        return pc.fill_null(reduce(pc.or_, found), False)

    def sql(self, column: str | None = None) -> str:
        """Writes the condition for DuckDB; `column` is an expression in place of the item's own name."""
        name = column or quoted(self.item)
        values = [literal(value) for value in self.values]
        if self.comparison == "is null":
            return f"{name} IS NULL"
        if self.comparison == "in":
            return f"{name} IN ({', '.join(values)})"
        if self.comparison == "prefix":
            return "(" + " OR ".join(f"starts_with({name}, {value})" for value in values) + ")"
        if self.comparison == "between":
            return f"({name} >= {values[0]} AND {name} <= {values[1]})"
        return f"{name} {self.comparison} {values[0]}"


def term(column: Column, comparison: Comparison, values: Sequence[str]) -> Term:
    """Builds a condition from texts in the item's own notation; raises InputError for what does not fit its type."""
    wanted = _COUNTS.get(comparison, 1)
    enough = len(values) >= 1 if comparison == "in" else len(values) == wanted
    if comparison not in COMPARISONS or not enough:
        raise InputError(
            f"数据项 {column.name} 的比较写法不对",
            "比较方式：" + "、".join(COMPARISONS),
            "请改正后重试",
            code="CONDITION",
        )
    return Term(column.name, comparison, tuple(_typed(column, value) for value in values))


def _typed(column: Column, value: str) -> pa.Scalar:
    kind = column.type
    text = pa.array([value], pa.string())
    try:
        if pa.types.is_timestamp(kind):
            local = pc.assume_timezone(text.cast(pa.timestamp("us")), _ZONE) if _naive(value) else text
            return local.cast(INSTANT)[0]
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return pa.scalar(value, pa.string())
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_list(kind):
            raise pa.ArrowInvalid
        return text.cast(kind)[0]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        allowed = "日期写作 2020-06-18，时间写作 2020-06-18 08:00:00，数字不带单位"
        raise InputError(
            f"与数据项 {column.name} 比较的值不合它的类型", allowed, "请改正后重试", code="CONDITION"
        ) from None


def _naive(value: str) -> bool:
    return not (value.endswith("Z") or "+" in value or "-" in value[11:])


def literal(value: pa.Scalar) -> str:
    """Writes a typed value for DuckDB."""
    if pa.types.is_string(value.type):
        return "'" + str(value).replace("'", "''") + "'"
    if pa.types.is_boolean(value.type):
        return "TRUE" if value.as_py() else "FALSE"
    if pa.types.is_timestamp(value.type):
        return f"TIMESTAMPTZ '{value.as_py().isoformat()}'"
    if pa.types.is_date(value.type):
        return f"DATE '{value.as_py().isoformat()}'"
    if pa.types.is_decimal(value.type):
        return f"CAST('{value.as_py():f}' AS DECIMAL({value.type.precision}, {value.type.scale}))"
    return f"CAST('{value.as_py()}' AS {'BIGINT' if pa.types.is_integer(value.type) else 'DOUBLE'})"


def grant_terms(rows: RowFilter, layout: Layout) -> tuple[Term, ...]:
    """Compiles a grant's row filter; raises StateError when it does not fit the dataset (any more)."""
    columns = {column.name: column for column in layout.columns}
    terms = []
    if rows.region_item is not None or rows.region_prefixes:
        column = columns.get(rows.region_item or "")
        if column is None or not rows.region_prefixes or not all(rows.region_prefixes):
            raise _unfit()
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            raise _unfit()
        terms.append(Term(column.name, "prefix", tuple(pa.scalar(prefix) for prefix in rows.region_prefixes)))
    for predicate in rows.predicates:
        if predicate.item not in columns:
            raise _unfit()
        try:
            terms.append(term(columns[predicate.item], predicate.comparison, predicate.values))
        except InputError:
            raise _unfit() from None
    return tuple(terms)


def _unfit() -> StateError:
    return StateError(
        "授权的行范围与数据集现在的数据项不符", "不符时不提供任何数据", "请联系提供部门核对授权", code="GRANT_FILTER"
    )
