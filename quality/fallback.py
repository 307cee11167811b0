"""Map expectations that the gate does not run itself: GX's own engine runs them on batches of 100,000 rows."""

from collections.abc import Mapping
from typing import Any

from quality.rows import Rows, Verdict

#: Row by row in meaning, so that a batch at a time gives the same answer as all at once.
FALL_BACK = frozenset(
    {
        "expect_column_values_to_be_dateutil_parseable",
        "expect_column_values_to_be_json_parseable",
        "expect_column_values_to_be_in_type_list",
        "expect_column_values_to_be_of_type",
        "expect_column_values_to_match_json_schema",
        "expect_column_values_to_match_strftime_format",
    }
)
BATCH_ROWS = 100_000


def falls_back(expectation: str) -> bool:
    """Says whether GX's engine runs the expectation in place of the gate."""
    return expectation in FALL_BACK


def run_fallback(expectation: str, kwargs: Mapping[str, Any], rows: Rows) -> Verdict:
    """Runs a map expectation on GX's engine; imports GX only here."""
    from quality import oracle  # noqa: PLC0415 - three to ten seconds and 150 MB, only for entries that ask for it

    verdict: Verdict = oracle.run_on_rows(expectation, kwargs, rows)
    return verdict
