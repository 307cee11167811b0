"""The expectations that a contract may name are those of Great Expectations, argument by argument."""

import inspect

import pytest

from schemas.contract.expectations import expectations

core = pytest.importorskip("great_expectations.expectations.core")

#: Arguments of the framework, not of a rule; queries and other tables are left out of contracts.
FRAMEWORK = {
    "id", "meta", "notes", "result_format", "description", "catch_exceptions", "rendered_content", "windows",
    "batch_id", "severity", "library_metadata",
}  # fmt: skip
LEFT_OUT = {
    "unexpected_rows_expectation",
    "expect_query_results_to_match_comparison",
    "expect_table_row_count_to_equal_other_table",
    "expect_multicolumn_values_to_be_unique",
}


def _standard():
    found = {}
    for _, kind in inspect.getmembers(core, inspect.isclass):
        name = getattr(kind, "expectation_type", "")
        if name:
            found[name] = {field for field in kind.__fields__ if field not in FRAMEWORK}
    return found


def test_the_standard_vocabulary_is_complete_and_exact():
    """Names and arguments in expectations.yaml are Great Expectations' own, none more, none less."""
    standard = _standard()
    assert len(standard) > 40
    ours = {name: set(facts.arguments) for name, facts in expectations().items() if not facts.own}
    assert ours == {name: arguments for name, arguments in standard.items() if name not in LEFT_OUT}
