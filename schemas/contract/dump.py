"""A contract's document → canonical YAML, so that two equal contracts have one text."""

from collections.abc import Mapping
from typing import Any

import yaml

from schemas.contract.document import plain_value

_ROOT = (
    "apiVersion", "kind", "id", "name", "version", "status", "description", "tags", "customProperties",
    "slaProperties", "servers", "schema",
)  # fmt: skip
_ELEMENT = (
    "name", "property", "server", "type", "value", "physicalName", "businessName", "logicalType", "physicalType",
    "required", "primaryKey", "primaryKeyPosition", "classification", "logicalTypeOptions", "customProperties",
    "quality",
)  # fmt: skip


class _Dumper(yaml.SafeDumper):
    """Indents lists under their key and quotes what YAML 1.1 readers would take for a number or a word."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "'" if plain_value(text) is not text else None
    if "".join(text.splitlines()) != text:
        style = '"'  # every kind of line break is written as an escape: YAML would fold it
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def dump(document: Mapping[str, Any]) -> str:
    """Writes a contract document as YAML in one order of keys."""
    ordered = _ordered(document, _ROOT)
    return yaml.dump(ordered, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=120)


def _ordered(value: Any, first: tuple[str, ...] = _ELEMENT) -> Any:
    if isinstance(value, Mapping):
        names = [name for name in first if name in value] + sorted(name for name in value if name not in first)
        return {name: _ordered(value[name]) for name in names}
    if isinstance(value, list | tuple):
        return [_ordered(element) for element in value]
    return value
