"""The document against the JSON schema of the ODCS package. Keys that the hub knows are judged by vocabulary.py."""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from jsonschema import Draft201909Validator
from jsonschema.exceptions import ValidationError

from schemas.contract.items import LOGICAL_OF_LETTER
from schemas.contract.report import Path, Report, listed, shown, suggestion

_TYPES = {
    "object": "键值对", "array": "列表", "string": "文字", "integer": "整数",
    "number": "数", "boolean": "true或false", "null": "空",
}  # fmt: skip
_CODES = {"type": "CONTRACT_TYPE", "enum": "CONTRACT_VALUE", "const": "CONTRACT_VALUE", "pattern": "CONTRACT_VALUE"}


@cache
def _validator() -> Draft201909Validator:
    text = resources.files("open_data_contract_standard").joinpath("schema.json").read_text("utf-8")
    return Draft201909Validator(json.loads(text))


def check_structure(report: Report, data: Any) -> None:
    """Adds a problem for each place where the document does not follow ODCS."""
    for error in _validator().iter_errors(_with_logical_types(data)):
        at: Path = tuple(error.absolute_path)
        if error.validator == "unevaluatedProperties" or (at and at[-1] == "logicalTypeOptions"):
            continue  # vocabulary.py names the wrong key; here it would be every key of the place
        if error.validator == "additionalProperties":
            _unknown_keys(report, at, error)
        elif error.validator == "required":
            _missing_keys(report, at, error)
        else:
            report.add(at, _CODES.get(error.validator, "CONTRACT_ODCS"), *_words(error))


def _with_logical_types(data: Any) -> Any:
    """Fills in the logicalType that the letter implies; without one the schema asks for keys of every type."""
    if isinstance(data, Mapping):
        filled = {name: _with_logical_types(value) for name, value in data.items()}
        letter = data.get("physicalType")
        if "logicalType" not in data and letter in tuple(LOGICAL_OF_LETTER):
            filled["logicalType"] = LOGICAL_OF_LETTER[letter]
        return filled
    return [_with_logical_types(value) for value in data] if isinstance(data, list) else data


def _unknown_keys(report: Report, at: Path, error: ValidationError) -> None:
    allowed = error.schema.get("properties", {}) if isinstance(error.schema, Mapping) else {}
    if not at:
        return  # the root's keys are in vocabulary.yaml
    for name in error.instance if isinstance(error.instance, Mapping) else ():
        if name not in allowed:
            step = suggestion(name, allowed, "请删去该键")
            report.add(
                (*at, name), "CONTRACT_KEY_UNKNOWN", f"未知的键“{shown(name)}”", f"可用的键：{listed(allowed)}", step
            )


def _missing_keys(report: Report, at: Path, error: ValidationError) -> None:
    required = error.validator_value if isinstance(error.validator_value, list) else []
    for name in required:
        if isinstance(error.instance, Mapping) and name not in error.instance:
            report.add((*at, name), "CONTRACT_KEY_MISSING", f"缺少“{name}”", "ODCS要求此键", f"请补上“{name}”")


def _words(error: ValidationError) -> tuple[str, str, str]:
    value = error.validator_value
    if error.instance is None:
        return "值为空", "此处应有内容", "请填写或删去该键"
    if error.validator == "type":
        names = value if isinstance(value, list) else [value]
        return (
            "值的类型不对",
            f"应为{'或'.join(_TYPES.get(str(name), str(name)) for name in names)}",
            "请改正（文字可加引号）",
        )
    if error.validator in ("enum", "const"):
        values = [str(each) for each in (value if isinstance(value, list) else [value])]
        return "值不在允许的取值中", f"取值：{listed(values)}", "请改为其中一个"
    if error.validator == "pattern":
        return "值的写法不对", f"应符合{value}", "请改正"
    return "不符合ODCS的结构", f"要求：{error.validator}", "请按模板书写"
