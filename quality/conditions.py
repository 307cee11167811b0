"""row_condition of an expectation -> a mask. GX's mapping form (comparison, nullity, and, or); the rest is refused.

Comparisons are those of pandas: null equals nothing and differs from everything.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from quality.checks.values import bound, scalar
from quality.normalise.cells import Mask, mask_of
from quality.normalise.shape import ItemPlan
from quality.rows import Rows
from schemas.errors import ContractError

Condition = Callable[[Rows], Mask]
Items = Mapping[str, ItemPlan]

_COMPARE: dict[str, Callable[..., pa.Array]] = {
    "==": pc.equal, "!=": pc.not_equal, "<": pc.less, "<=": pc.less_equal, ">": pc.greater, ">=": pc.greater_equal,
}  # fmt: skip


def compile_condition(condition: Any, items: Items) -> Condition | None:
    """Compiles a row condition; raises ContractError for a form that the gate cannot run."""
    if condition in (None, "", {}):
        return None
    if not isinstance(condition, Mapping):
        raise _refused("文字形式的row_condition")
    kind = condition.get("type")
    if kind in {"and", "or"}:
        parts = [compile_condition(part, items) for part in condition.get("conditions") or ()]
        whole = [part for part in parts if part is not None]
        if not whole:
            raise _refused("空的条件")
        return _joined(whole, every=kind == "and")
    if kind == "nullity":
        return _nullity(_column(condition, items).name, is_null=bool(condition.get("is_null")))
    if kind == "comparison":
        return _comparison(condition, _column(condition, items))
    raise _refused("未知形式的row_condition")


def columns_of(condition: Any) -> tuple[str, ...]:
    """Lists the items that a condition reads."""
    if not isinstance(condition, Mapping):
        return ()
    if "conditions" in condition:
        return tuple(dict.fromkeys(name for part in condition["conditions"] for name in columns_of(part)))
    return (_name(condition),)


def _name(condition: Mapping[str, Any]) -> str:
    column = condition.get("column")
    return str(column.get("name") if isinstance(column, Mapping) else column)


def _column(condition: Mapping[str, Any], items: Items) -> ItemPlan:
    name = _name(condition)
    if name not in items:
        raise ContractError("row_condition指向不存在的数据项", "目录中的数据项", "请改正", code="CONTRACT_REFERENCE")
    return items[name]


def _joined(parts: list[Condition], *, every: bool) -> Condition:
    join = np.logical_and if every else np.logical_or
    return lambda rows: join.reduce([part(rows) for part in parts])


def _nullity(name: str, *, is_null: bool) -> Condition:
    return lambda rows: rows.null(name) if is_null else ~rows.null(name)


def _comparison(condition: Mapping[str, Any], item: ItemPlan) -> Condition:
    operator, parameter = condition.get("operator"), condition.get("parameter")
    if parameter is None:
        raise _refused("没有parameter的比较")
    if operator in {"IN", "NOT_IN"}:
        if not isinstance(parameter, list | tuple):
            raise _refused("IN、NOT_IN中不是列表的parameter")
        wanted = [scalar(bound(value, item), item) for value in parameter]
        return _among(item.name, wanted, inside=operator == "IN")
    if operator not in _COMPARE:
        raise _refused("未知的operator")
    compare, value = _COMPARE[str(operator)], scalar(bound(parameter, item), item)
    differs = operator == "!="
    return lambda rows: _compared(rows, item.name, (compare, value), null=differs)


def _compared(rows: Rows, name: str, test: tuple[Callable[..., pa.Array], pa.Scalar], *, null: bool) -> Mask:
    compare, value = test
    column = rows.values(name)
    column = column.cast(pa.string()) if pa.types.is_large_string(column.type) else column
    mask = mask_of(compare(column, value))
    return mask | rows.null(name) if null else mask


def _among(name: str, wanted: list[pa.Scalar], *, inside: bool) -> Condition:
    def condition(rows: Rows) -> Mask:
        hits = [_compared(rows, name, (pc.equal, value), null=False) for value in wanted]
        found = np.logical_or.reduce(hits) if hits else np.zeros(rows.size, dtype=bool)
        return found if inside else ~found

    return condition


def _refused(got: str) -> ContractError:
    return ContractError(
        f"不支持{got}",
        "键值对形式：{type: comparison, column: {name: 数据项}, operator: ==, parameter: 值}，"
        "或type: nullity（is_null）、and、or（conditions）",
        "请改写row_condition",
        code="CONTRACT_CONDITION",
    )
