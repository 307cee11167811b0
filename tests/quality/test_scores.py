"""Scores in six dimensions: what counts for and against each, and what has no score."""

from datetime import timedelta

import pytest

from quality.scores import DIMENSIONS, Score, accessibility, of_findings, timeliness

PLAN = {
    "items": [{"name": "citizen_id", "title": "公民身份号码"}, {"name": "sex_code", "title": "性别代码"}],
    "rules": [
        {"id": "required.sex_code", "items": ["sex_code"], "codes": {"ITEM_MISSING": "error"}},
        {"id": "kind.sex_code", "items": ["sex_code"], "codes": {"CODE_UNKNOWN": "error"}},
        {"id": "kind.citizen_id", "items": ["citizen_id"],
         "codes": {"ID_LENGTH": "error", "ID_CHECK": "error", "ID_REGION_NOT_YET": "info"}},
    ],
}  # fmt: skip


def result(rows=100, findings=(), missing=0):
    """A validation result of `rows` rows with findings (code, item, rows)."""
    results = [
        {
            "expectation_config": {"meta": {"id": rule["id"]}},
            "result": {"element_count": rows, "missing_count": missing if rule["id"] == "kind.sex_code" else 0},
        }
        for rule in PLAN["rules"]
    ]
    said = [{"code": code, "item": item, "rows": count} for code, item, count in findings]
    return {"results": results, "meta": {"rows": rows, "findings": said}}


def scores(**facts):
    """The dimensions by name."""
    counts = {name: facts.pop(name) for name in ("duplicates", "conflicts") if name in facts}
    return {each.name: each for each in of_findings(PLAN, result(**facts), **counts)}


def test_clean_data_scores_in_full():
    """Without findings each dimension that has a rule is 100, computed from rows times items."""
    found = scores()
    assert {name: each.score for name, each in found.items()} == dict.fromkeys(DIMENSIONS[:4], 100.0)
    assert found["规范性"].evaluated == 200 and found["完整性"].evaluated == 100


def test_findings_count_against_their_own_dimension():
    """A wrong code lowers 规范性, a missing value 完整性, a wrong check digit 准确性, and nothing else."""
    found = scores(findings=[("CODE_UNKNOWN", "sex_code", 10), ("ITEM_MISSING", "sex_code", 20)], missing=20)
    assert found["规范性"].score == pytest.approx(100 - 100 * 10 / 180, abs=0.05)
    assert found["完整性"].score == 80.0 and found["准确性"].score == found["一致性"].score == 100.0
    assert "性别代码 20" in found["完整性"].basis
    assert scores(findings=[("ID_CHECK", "citizen_id", 1)])["准确性"].failing == 1


def test_information_is_no_fault():
    """A finding that is only information lowers nothing."""
    assert scores(findings=[("ID_REGION_NOT_YET", "citizen_id", 100)])["准确性"].score == 100.0


def test_several_findings_of_one_value_count_once():
    """No value fails more than once in a dimension."""
    found = scores(findings=[("ID_CHECK", "citizen_id", 80), ("ID_DATE", "citizen_id", 80)])["准确性"]
    assert found.failing == 100 and found.score == pytest.approx(50.0)


def test_duplicates_and_conflicts():
    """Repeated records count against 准确性, conflicting keys against 一致性."""
    found = scores(duplicates=10, conflicts=4)
    assert found["准确性"].failing == 10 and found["一致性"].score == 96.0


def test_one_wrong_of_very_many_is_not_a_full_score():
    """99.9 is the most that data with a fault gets."""
    assert scores(rows=10**7, findings=[("CODE_UNKNOWN", "sex_code", 1)])["规范性"].score == 99.9


def test_without_rows_there_is_no_score():
    """An empty batch has no score in any dimension of findings, and no total."""
    found = of_findings(PLAN, result(rows=0))
    assert [each.score for each in found] == [None] * 4
    assert Score(found).total is None


@pytest.mark.parametrize(
    ("hours", "score"), [(0, 100.0), (36, 100.0), (54, 50.0), (72, 0.0), (1000, 0.0), (None, None)]
)
def test_timeliness_by_the_update_cycle(hours, score):
    """Full until late, nothing from seriously late on, a straight line between."""
    age = None if hours is None else timedelta(hours=hours)
    assert timeliness(age, timedelta(hours=36), timedelta(hours=72)).score == score


def test_accessibility_is_what_could_be_delivered():
    """Published syncs of the last ones count; without any there is no score."""
    assert accessibility(["published"] * 9 + ["failed"]).score == 90.0
    assert accessibility([]).score is None


def test_the_total_is_the_mean_of_what_has_a_score():
    """Dimensions without a score do not enter."""
    found = Score((accessibility(["published", "failed"]), timeliness(None, timedelta(1), timedelta(2))))
    assert found.total == 50.0
