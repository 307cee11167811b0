"""The text of an OpenAPI 3.0 or 3.1 description → its document and what is wrong with it, in Chinese, with lines.

References lead to places in the same document only: what would make the hub read a file or an address is refused.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

from jsonschema import Draft4Validator, Draft202012Validator, SchemaError, ValidationError

from schemas.contract.document import parse
from schemas.contract.report import Report

Path = tuple[str | int, ...]
_REFERENCES = frozenset({"$ref", "$dynamicRef", "$recursiveRef", "operationRef", "externalValue"})
_TYPES = {
    "object": "对象", "array": "列表", "string": "文字", "boolean": "true/false", "number": "数", "integer": "整数",
}  # fmt: skip
_MOST = 50


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about a description, a mapping or a call: where, what, what to do. Names of fields, never a value."""

    code: str
    severity: Literal["error", "warning", "info"]
    place: str
    says: str
    next_step: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """A read description; `document` is empty where the text has no structure."""

    document: Mapping[str, Any]
    findings: tuple[Finding, ...]

    @property
    def usable(self) -> bool:
        """Says whether nothing is wrong with it."""
        return not any(finding.severity == "error" for finding in self.findings)

    @property
    def title(self) -> str:
        """Its own title."""
        return str(self.document.get("info", {}).get("title", ""))


@cache
def _structure() -> Draft202012Validator:
    text = resources.files("schemas.openapi").joinpath("structure.json").read_text("utf-8")
    return Draft202012Validator(json.loads(text))


def read_description(text: str) -> Description:
    """Reads and checks a description in JSON or YAML; every fault is a finding, none is raised."""
    report = Report()
    parsed = parse(text, report)
    findings = [
        Finding("OPENAPI_TEXT", "error", each.key, each.got.replace("目录条目文件", "接口描述"), each.next_step,
                each.line or None)
        for each in report.problems
    ]  # fmt: skip
    if parsed is None or findings:
        return Description({}, tuple(findings[:_MOST]))
    if not isinstance(parsed.data, dict):
        says = "接口描述不是 OpenAPI 文档"
        return Description({}, (Finding("OPENAPI_SHAPE", "error", "", says, "请上传 OpenAPI 3.0 或 3.1 的描述"),))
    found = [*_shape(parsed.data), *_references(parsed.data)]
    if not any(each.severity == "error" for each in found):
        found += _schemas(parsed.data)
    return Description(parsed.data, tuple(_with_lines(found, parsed.positions)[:_MOST]))


@dataclass(frozen=True, slots=True)
class _Found:
    at: Path
    code: str
    says: str
    next_step: str
    severity: Literal["error", "warning", "info"] = "error"


def _with_lines(found: list[_Found], positions: Mapping[Path, tuple[int, int]]) -> list[Finding]:
    out = []
    for each in found:
        at = each.at
        while at and at not in positions:
            at = at[:-1]
        line = positions.get(at, (1, 1))[0]
        out.append(Finding(each.code, each.severity, place_of(each.at), each.says, each.next_step, line))
    return out


def place_of(at: Path) -> str:
    """Writes a place in the document."""
    return "·".join(str(part)[:80] for part in at)


def _shape(document: Mapping[str, Any]) -> Iterator[_Found]:
    if "swagger" in document and "openapi" not in document:
        yield _Found((), "OPENAPI_VERSION", "这是 Swagger 2.0 的描述", "请转换为 OpenAPI 3.0 或 3.1 后上传")
        return
    for error in sorted(_structure().iter_errors(document), key=lambda each: list(map(str, each.absolute_path))):
        at = tuple(error.absolute_path)
        says, step = _said(error)
        yield _Found(at, "OPENAPI_VERSION" if at == ("openapi",) else "OPENAPI_SHAPE", says, step)


def _said(error: ValidationError) -> tuple[str, str]:
    """Puts a structural fault in words; the library's own message would repeat the value."""
    where = place_of(tuple(error.absolute_path)) or "文档"
    rule: Any = error.validator_value
    if error.validator == "required":
        missing = "、".join(name for name in rule if name not in error.instance)  # type: ignore[operator]
        return f"{where}缺少 {missing}", "请按 OpenAPI 补上"
    if error.validator == "type":
        wanted = rule if isinstance(rule, list) else [str(rule)]
        return f"{where}应是{'或'.join(_TYPES.get(each, each) for each in wanted)}", "请按 OpenAPI 改正"
    if tuple(error.absolute_path) == ("openapi",):
        return "OpenAPI 的版本不支持", "支持 3.0 和 3.1，请改用这两个版本"
    if error.validator == "minProperties":
        return f"{where}是空的", "请写明接口的路径和响应"
    if error.validator == "enum":
        return f"{where}的值不可用", "可用：" + "、".join(map(str, rule))
    return f"{where}的写法不合 OpenAPI", "请按 OpenAPI 改正"


def _references(document: Mapping[str, Any]) -> Iterator[_Found]:
    waiting: list[tuple[Path, Any]] = [((), document)]
    while waiting:
        at, node = waiting.pop()
        if isinstance(node, list):
            waiting += [((*at, number), each) for number, each in enumerate(node)]
        elif isinstance(node, dict):
            for name, value in node.items():
                here = (*at, name)
                if name in _REFERENCES and isinstance(value, str):
                    yield from _reference(document, here, value)
                else:
                    waiting.append((here, value))


def _reference(document: Mapping[str, Any], at: Path, reference: str) -> Iterator[_Found]:
    if not reference.startswith("#/"):
        step = "请把引用的内容并入同一份文档，以“#/”开头引用"
        yield _Found(at, "OPENAPI_REF", "引用了文档之外的内容（网址或文件）", step)
        return
    if target(document, reference) is None:
        yield _Found(at, "OPENAPI_REF", "引用的位置在文档中不存在", "请核对引用")


def target(document: Mapping[str, Any], reference: str) -> Any:
    """Returns what a local reference leads to, None where there is nothing."""
    node: Any = document
    for part in reference[2:].split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, list) and name.isascii() and name.isdigit() and int(name) < len(node):
            node = node[int(name)]
        elif isinstance(node, dict) and name in node:
            node = node[name]
        else:
            return None
    return node


def _schemas(document: Mapping[str, Any]) -> Iterator[_Found]:
    """Checks each named schema by its own rules: draft 4's for 3.0, draft 2020-12's for 3.1."""
    validator: Any = Draft202012Validator if str(document["openapi"]).startswith("3.1") else Draft4Validator
    for name, schema in document.get("components", {}).get("schemas", {}).items():
        try:
            validator.check_schema(_without_extras(schema))
        except SchemaError as error:
            at = ("components", "schemas", name, *error.absolute_path)
            yield _Found(at, "OPENAPI_SCHEMA", f"数据结构 {str(name)[:60]} 的写法不对", "请按 JSON Schema 改正")


def _without_extras(schema: Any) -> Any:
    """Leaves out what OpenAPI writes otherwise than JSON Schema: exclusive limits of 3.0 are draft 4's."""
    if not isinstance(schema, dict):
        return schema
    return {name: value for name, value in schema.items() if not str(name).startswith("x-") and name != "example"}
