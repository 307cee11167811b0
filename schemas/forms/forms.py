"""The forms themselves: sections of fields for each resource type, read from <type>.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

import yaml

from schemas.errors import NotFound
from schemas.forms.fields import Field, fields_of

_TYPES = ("table", "document")


@dataclass(frozen=True, slots=True)
class Section:
    """One section; with `rows`, its fields repeat for each row of that list."""

    id: str
    title: str
    fields: tuple[Field, ...]
    rows: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """The form of a resource type."""

    type: str
    title: str
    sections: tuple[Section, ...]
    formats: tuple[str, ...]
    defaults: Mapping[str, str] = field(default_factory=dict)
    lint: Mapping[str, str] = field(default_factory=dict)

    @property
    def fields(self) -> tuple[Field, ...]:
        """Lists the fields that stand once."""
        return tuple(each for section in self.sections if not section.rows for each in section.fields)

    @property
    def groups(self) -> dict[str, tuple[Field, ...]]:
        """Lists the fields of each list of rows."""
        return {section.rows: section.fields for section in self.sections if section.rows}


@cache
def form(resource_type: str) -> Form:
    """Returns the form of a resource type; raises NotFound."""
    if resource_type not in _TYPES:
        raise NotFound("没有这种资源类型的表单", f"可用：{'、'.join(_TYPES)}", "请从列表中选择")
    raw = yaml.safe_load(resources.files("schemas.forms").joinpath(f"{resource_type}.yaml").read_text("utf-8"))
    sections = []
    for facts in raw["sections"]:
        known = fields_of(facts.get("rows", "entry"))
        named = tuple(known[name] for name in facts.pop("fields"))
        sections.append(Section(fields=named, **facts))
    return Form(
        type=resource_type,
        title=raw["title"],
        sections=tuple(sections),
        formats=tuple(raw["formats"]),
        defaults=raw.get("defaults", {}),
        lint=raw.get("lint", {}),
    )


def form_for(format_category: str) -> Form:
    """Returns the form for a format class (格式分类)."""
    return next((made for name in _TYPES if format_category in (made := form(name)).formats), form(_TYPES[0]))


def resource_types() -> dict[str, str]:
    """Maps each resource type to its title."""
    return {name: form(name).title for name in _TYPES}
