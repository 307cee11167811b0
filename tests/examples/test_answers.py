"""The comparison of a run with the answer key sees every sort of difference and no other."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from examples.answers import answer_place, compare, row_number


@dataclass
class Row:
    """A rejected row as exchange shows it."""

    row: int
    values: dict[str, Any] = field(default_factory=dict)
    findings: list[dict[str, Any]] = field(default_factory=list)


def finding(code: str, item: str = "citizen_id", severity: str = "error") -> dict[str, Any]:
    """Makes a finding as the gate gives it."""
    return {"code": code, "item": item, "severity": severity, "place": None}


def answer(number: str, disposition: str = "quarantine", **more: Any) -> dict[str, Any]:
    """Makes an answer about one person."""
    made = {
        "dataset": "population", "record": int(number), "row": {"rybh": number}, "kind": "id_check",
        "kinds": ["id_check"], "may": ["KEY_MISSING"],
        "findings": [{"code": "ID_CHECK", "item": "citizen_id"}] if disposition != "normalised" else [],
        "disposition": disposition, "normalised": {}, "partner": None,
    }  # fmt: skip
    return made | more


def whats(*arguments: Any) -> list[str]:
    """Compares and gives the words of the differences."""
    return [difference.what for difference in compare(*arguments)]


def test_agreement() -> None:
    """Expected findings, those that may follow and info findings make no difference."""
    row = Row(
        1, {"rybh": "7"}, [finding("ID_CHECK"), finding("KEY_MISSING"), finding("ID_REGION_ABOLISHED", severity="info")]
    )
    assert compare([answer("7")], [row]) == []


def test_rows_too_few_and_too_many() -> None:
    """A planted row that was not rejected and a clean one that was are both named."""
    row = Row(1, {"rybh": "8"}, [finding("ID_CHECK")])
    assert whats([answer("7")], [row]) == ["not rejected", "rejected"]


def test_findings_too_few_and_too_many() -> None:
    """A missing finding and one that nothing explains are both named, with their codes only."""
    row = Row(1, {"rybh": "7"}, [finding("ID_DATE")])
    found = compare([answer("7")], [row])
    assert [(d.what, d.detail) for d in found] == [
        ("finding missing", "ID_CHECK:citizen_id"),
        ("finding unexplained", "ID_DATE:citizen_id"),
    ]


def test_the_right_item() -> None:
    """The code on another item is not the expected finding; a finding of the row needs no item."""
    wrong = Row(1, {"rybh": "7"}, [finding("ID_CHECK", "spouse_id")])
    assert whats([answer("7")], [wrong]) == ["finding missing", "finding unexplained"]
    ragged = answer("7", findings=[{"code": "ROW_RAGGED", "item": ""}], may=["*"])
    assert compare([ragged], [Row(1, {"rybh": "7"}, [finding("ROW_RAGGED", ""), finding("ITEM_MISSING")])]) == []


def test_a_conflict_takes_both_rows() -> None:
    """Both rows of a conflict must be there, under one number or two."""
    conflict = answer(
        "7", findings=[{"code": "KEY_CONFLICT", "item": ""}], partner={"record": 6, "rybh": "7"}, kind="key_conflict"
    )
    row = Row(1, {"rybh": "7"}, [finding("KEY_CONFLICT", "citizen_id")])
    assert compare([conflict], [row, row]) == []
    assert whats([conflict], [row]) == ["not rejected"]


def test_untidy_duplicate_and_flagged_rows_stay_out() -> None:
    """Rows that are only untidy, doubled or flagged must not be rejected."""
    rows = [Row(n, {"rybh": str(n)}, [finding("ID_CHECK")]) for n in (1, 2, 3)]
    answers = [answer("1", "normalised"), answer("2", "duplicate"), answer("3", "flag")]
    assert whats(answers, rows) == ["rejected"] * 3


def test_flags() -> None:
    """A warning must be with its row; clean and untidy rows carry none."""
    answers = [answer("1", "flag"), answer("2", "normalised")]
    assert compare(answers, [], {"1": ["ID_CHECK:citizen_id"]}) == []
    assert whats(answers, [], {"2": ["ID_CHECK:citizen_id"], "9": ["X:y"]}) == ["flag missing", "flagged", "flagged"]
    assert row_number("population", {"person_no": "9"}) == "9"


@pytest.mark.parametrize(("dataset", "place"), [("legal_entity", "12"), ("subsidy_payment", "12"), ("population", "7")])
def test_files_are_matched_by_record(dataset: str, place: str) -> None:
    """Rows of files are known by their record number, others by their own number."""
    assert answer_place(answer("7", dataset=dataset, record=12)) == place


def test_file_rows() -> None:
    """A rejected line of a file is found by its record number, whatever its values."""
    one = answer("7", dataset="legal_entity", record=12, row={"主体身份代码": "7"})
    assert compare([one], [Row(12, {}, [finding("ID_CHECK")])]) == []


def test_nothing_planted() -> None:
    """With no answers every rejected row is a difference."""
    assert compare([], []) == []
