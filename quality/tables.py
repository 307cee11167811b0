"""Table expectations: what is said of a whole batch, evaluated from the gate's counts; the rest is refused."""

from collections.abc import Callable, Mapping
from typing import Any

from quality.counts import Counts
from quality.normalise.shape import ItemPlan
from schemas.entry import Rule
from schemas.errors import ContractError

Facts = Mapping[str, Any]


def _rows(counts: Counts, _: Facts, __: Facts) -> float:
    return counts.rows


def _columns(_: Counts, __: Facts, plan: Facts) -> float:
    return len(plan["items"])


def _filled(counts: Counts, kwargs: Facts, _: Facts) -> float:
    return 1 - counts.nulls[kwargs["column"]] / counts.rows if counts.rows else 1.0


_OBSERVED: dict[str, Callable[[Counts, Facts, Facts], float]] = {
    "expect_table_row_count_to_be_between": _rows,
    "expect_table_row_count_to_equal": _rows,
    "expect_table_column_count_to_be_between": _columns,
    "expect_table_column_count_to_equal": _columns,
    "expect_column_proportion_of_non_null_values_to_be_between": _filled,
}
_OTHER_TABLES = ("expect_table_", "expect_column_distinct_", "expect_query_")
_COLUMN_TABLES = tuple(
    f"expect_column_{what}"
    for what in [
        "to_exist",
        "type_to_be",
        "max_",
        "mean_",
        "median_",
        "min_",
        "sum_",
        "stdev_",
        "quantile_",
        "most_common_",
        "unique_value_count_",
        "kl_divergence_",
        "proportion_of_",
    ]
)


def is_table(expectation: str) -> bool:
    """Says whether an expectation speaks of the whole table."""
    return expectation.startswith((*_OTHER_TABLES, *_COLUMN_TABLES))


def bind_table(rule: Rule, items: Mapping[str, ItemPlan]) -> None:
    """Raises ContractError where the counts of the gate do not answer the rule."""
    if rule.expectation not in _OBSERVED:
        raise ContractError(
            f"汇总规则“{rule.expectation}”不能逐批检查",
            "、".join(_OBSERVED),
            "请改用其他规则或数据集阈值",
            code="CONTRACT_EXPECTATION",
        )
    if rule.kwargs.get("row_condition"):
        raise ContractError("汇总规则不能带row_condition", "不带条件", "请删去row_condition", code="CONTRACT_CONDITION")
    if "column" in rule.kwargs and rule.kwargs["column"] not in items:
        raise ContractError("规则指向不存在的数据项", "目录中的数据项", "请改正规则", code="CONTRACT_REFERENCE")


def observed(rule: Facts, counts: Counts, plan: Facts) -> tuple[float, bool]:
    """Evaluates a table rule of the plan: the observed value and whether it holds."""
    value = _OBSERVED[rule["expectation"]](counts, rule["kwargs"], plan)
    return value, _within(value, rule["kwargs"])


def _within(value: float, kwargs: Facts) -> bool:
    if "value" in kwargs:
        return bool(value == kwargs["value"])
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    if low is not None and (value <= low if kwargs.get("strict_min") else value < low):
        return False
    return high is None or bool(value < high if kwargs.get("strict_max") else value <= high)
