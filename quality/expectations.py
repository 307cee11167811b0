"""The hub's own expectations as GX expectation classes on the pandas engine, so that GX's engine can run a whole suite.

Importing this module imports GX: only publishing, tests and the fall-back may. They run quality.reference.
"""

from collections.abc import Callable
from typing import Any

import pandas as pd
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation, ColumnPairMapExpectation
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
    column_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
    ColumnMapMetricProvider,
)
from great_expectations.expectations.metrics.map_metric_provider.column_pair_condition_partial import (
    column_pair_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_pair_map_metric_provider import (
    ColumnPairMapMetricProvider,
)

from quality import reference

Passes = Callable[..., bool]
#: GX reads arguments of an expectation as fields; what a rule does not give is None.
_PAIR_DOMAIN = ("batch_id", "table", "column_A", "column_B", "row_condition", "condition_parser", "ignore_row_if")
_IDENTIFIERS = ("citizen_id", "uscc", "org_code", "registration_number", "licence_id")


def _pascal(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _define_column(name: str, passes: Passes, keys: tuple[str, ...], **fixed: Any) -> None:
    """Registers a column map expectation called `name` and its metric."""

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls: Any, column: Any, **kwargs: Any) -> Any:
        facts = {**{key: kwargs.get(key) for key in keys}, **fixed}
        return pd.Series([passes(value, facts) for value in column], index=column.index, dtype=bool)

    metric = f"column_values.{name.removeprefix('expect_column_values_')}"
    type(
        f"{_pascal(name)}Metric",
        (ColumnMapMetricProvider,),
        {"condition_metric_name": metric, "condition_value_keys": keys, "_pandas": _pandas, "__module__": __name__},
    )
    _expectation(name, ColumnMapExpectation, metric, keys)


def _define_pair(name: str, passes: Passes, keys: tuple[str, ...]) -> None:
    """Registers a column pair map expectation called `name` and its metric."""

    @column_pair_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls: Any, column_A: Any, column_B: Any, **kwargs: Any) -> Any:  # noqa: N803 - GX calls it so
        facts = {key: kwargs.get(key) for key in keys}
        pairs = zip(column_A, column_B, strict=True)
        return pd.Series([passes(one, other, facts) for one, other in pairs], index=column_A.index, dtype=bool)

    metric = f"column_pair_values.{name.removeprefix('expect_')}"
    type(
        f"{_pascal(name)}Metric",
        (ColumnPairMapMetricProvider,),
        {
            "condition_metric_name": metric,
            "condition_domain_keys": _PAIR_DOMAIN,
            "condition_value_keys": keys,
            "_pandas": _pandas,
            "__module__": __name__,
        },
    )
    _expectation(name, ColumnPairMapExpectation, metric, keys, ignore_row_if="neither")


def _expectation(name: str, base: type, metric: str, keys: tuple[str, ...], **defaults: str) -> None:
    fields: dict[str, Any] = {**dict.fromkeys(keys), **defaults}
    extra: dict[str, Any] = {"domain_keys": _PAIR_DOMAIN} if defaults else {}
    type(base)(
        _pascal(name),
        (base,),
        {
            "__module__": __name__,
            "__annotations__": dict.fromkeys(fields, Any),
            "__doc__": f"{name}: see docs/quality.md.",
            "map_metric": metric,
            "success_keys": ("mostly", *keys, *defaults),
            "args_keys": (),
            **extra,
            **fields,
        },
    )


for _kind in _IDENTIFIERS:
    _define_column(f"expect_column_values_to_be_{_kind}", reference.identifier, ("data_date",), kind=_kind)
_define_column("expect_column_values_to_be_in_code_set", reference.in_code_set, ("code_set",))
_define_column("expect_column_values_to_be_text_without_damage", reference.undamaged, ())
_define_column("expect_column_value_bytes_to_be_at_most", reference.short_enough, ("encoding", "max_value"))
_define_column("expect_column_values_to_not_be_in_future", reference.not_in_future, ("data_date",))
_define_column(
    "expect_column_values_to_be_readable", reference.readable, ("kind", "type", "scale", "length", "open_end")
)
_define_pair("expect_column_values_to_be_identifier_of_type", reference.identifier_of_type, ("type_code", "data_date"))
_define_pair("expect_citizen_id_birth_date_to_match", reference.birth_matches, ())
_define_pair("expect_citizen_id_sex_to_match", reference.sex_matches, ())
_define_pair("expect_column_pair_values_a_to_not_be_after_b", reference.not_after, ())
_define_pair("expect_column_values_to_be_present_when", reference.present_when, ("when_values",))
_define_pair("expect_column_values_to_be_absent_unless", reference.absent_unless, ("when_values",))
_define_pair(
    "expect_citizen_age_to_be_at_least_when", reference.old_enough, ("minimum_age", "when_values", "data_date")
)
