"""Counts of the gate -> a validation result in GX's shape: counts, row numbers and finding codes, never a value."""

from collections.abc import Mapping
from typing import Any

from quality.counts import Counts, RuleCount
from quality.tables import observed

Facts = Mapping[str, Any]


def validation_result(plan: Facts, counts: Counts, run_id: str) -> dict[str, Any]:
    """Builds the validation result of a whole run from its added-up counts."""
    results = [_map_result(rule, counts.rules.get(rule["id"], RuleCount())) for rule in plan["rules"]]
    results += [_table_result(rule, counts, plan) for rule in plan["tables"]]
    passed = sum(result["success"] for result in results)
    return {
        "success": passed == len(results),
        "suite_name": f"{plan['dataset']}:{plan['version']}",
        "results": results,
        "statistics": {
            "evaluated_expectations": len(results),
            "successful_expectations": passed,
            "unsuccessful_expectations": len(results) - passed,
            "success_percent": 100.0 * passed / len(results) if results else 100.0,
        },
        "meta": {
            "run_id": run_id,
            "rows": counts.rows,
            "bad_rows": counts.bad,
            "unreadable_records": counts.unreadable,
            "deletes": counts.deletes,
            "findings": [
                {"code": code, "item": item, "rows": rows} for (code, item), rows in sorted(counts.findings.items())
            ],
            "engines": sorted({rule["engine"] for rule in plan["rules"]}),
        },
    }


def _map_result(rule: Facts, count: RuleCount) -> dict[str, Any]:
    considered = count.rows - count.missing
    return {
        "success": holds(rule, count),
        "expectation_config": _config(rule),
        "result": {
            "element_count": count.rows,
            "missing_count": count.missing,
            "missing_percent": _percent(count.missing, count.rows),
            "unexpected_count": count.unexpected,
            "unexpected_percent": _percent(count.unexpected, considered),
            "unexpected_percent_total": _percent(count.unexpected, count.rows),
            "partial_unexpected_index_list": count.first,
        },
        "exception_info": {"raised_exception": False, "exception_traceback": None, "exception_message": None},
    }


def holds(rule: Facts, count: RuleCount) -> bool:
    """Says whether a rule of the plan holds for the batch: the passing share is at least `mostly`."""
    considered = count.rows - count.missing
    return considered == 0 or (considered - count.unexpected) / considered >= rule["mostly"]


def _table_result(rule: Facts, counts: Counts, plan: Facts) -> dict[str, Any]:
    value, success = observed(rule, counts, plan)
    return {
        "success": success,
        "expectation_config": _config(rule),
        "result": {"observed_value": value},
        "exception_info": {"raised_exception": False, "exception_traceback": None, "exception_message": None},
    }


def _config(rule: Facts) -> dict[str, Any]:
    meta = {"id": rule["id"], "code": rule["code"], "engine": rule.get("engine", "gate")}
    return {"type": rule["expectation"], "kwargs": dict(rule["kwargs"]), "meta": meta, "severity": rule["severity"]}


def _percent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else 0.0
