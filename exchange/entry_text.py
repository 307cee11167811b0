"""A contract ⇄ the flat model of a form: what the form does not know stays as it is. Pure: no database, no permission.

A model's values are texts as people type them, by the field names of schemas/forms/fields.yaml. Writing changes only
what differs from what reading gives, so that a model which nobody touched writes the document it was read from.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from schemas.contract.document import plain_value
from schemas.contract.items import LOGICAL_OF_LETTER
from schemas.forms.fields import Field, fields_of

Row = Mapping[str, str]
Document = dict[str, Any]
#: The row fields that name an item before and after.
WAS = "was"
_NUMERIC = "NY"


@dataclass(frozen=True)
class Draft:
    """What a form holds: values of fields that stand once, and rows of lists (`items`, `legal_basis`)."""

    values: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)


def new_document() -> Document:
    """Returns the frame of a new contract."""
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "",
        "name": "",
        "version": "1.0.0",
        "status": "draft",
        "description": {},
        "customProperties": [],
        "slaProperties": [],
        "schema": [{"name": "", "properties": []}],
    }


def read_draft(document: Mapping[str, Any]) -> Draft:
    """Reads every field that forms know from a contract's document."""
    places = _root_places(document)
    values = {name: _read(places, each) for name, each in fields_of("entry").items()}
    values["provider_name"] = _text(_listed(document.get("customProperties"), "provider_name"))
    rows = {"items": _read_rows(_properties(document), "items"), "legal_basis": _read_basis(document)}
    return Draft(values, rows)


def _read_basis(document: Mapping[str, Any]) -> tuple[Row, ...]:
    return _read_rows(_listed(document.get("customProperties"), "legal_basis"), "legal_basis")


def _read_rows(elements: Any, group: str) -> tuple[Row, ...]:
    known = fields_of(group)
    rows = []
    for number, element in enumerate(elements if isinstance(elements, list) else []):
        if not isinstance(element, Mapping):
            continue
        row = {name: _read_in_row(element, each) for name, each in known.items()}
        rows.append(row | {WAS: str(element.get("name", "")) if group == "items" else str(number)})
    return tuple(rows)


def _read_in_row(element: Mapping[str, Any], each: Field) -> str:
    return read_length(element) if each.codec == "length" else _read(_row_places(element), each)


def read_length(element: Mapping[str, Any]) -> str:
    """Returns an item's length as the national template writes it: bytes or characters, or `digits,decimals`."""
    custom = element.get("customProperties")
    if element.get("physicalType") not in tuple(_NUMERIC):
        return _text((element.get("logicalTypeOptions") or {}).get("maxLength"))
    whole, scale = _text(_listed(custom, "precision")), _text(_listed(custom, "scale"))
    return f"{whole},{scale}" if whole and scale else whole


def write_draft(document: Mapping[str, Any], draft: Draft, *, keep_missing: bool = False) -> Document:
    """Returns the document with the draft's values; `keep_missing` keeps the items that the draft does not list."""
    written = deepcopy(dict(document))
    was = read_draft(document)
    for name, each in fields_of("entry").items():
        if name in draft.values and _tidy(draft.values[name]) != _tidy(was.values[name]):
            _write(written, each, draft.values[name])
    _write_names(written, draft, was)
    if "items" in draft.rows:
        _write_items(written, draft.rows["items"], was.rows["items"], keep_missing=keep_missing)
    if "legal_basis" in draft.rows:
        _write_basis(written, draft.rows["legal_basis"], was.rows["legal_basis"])
    return written


def _write_names(document: Document, draft: Draft, was: Draft) -> None:
    """Writes what follows from a value: the table is called as the dataset, the provider by its registered name."""
    if document.get("id") and document["id"] != was.values["dataset"]:
        document.setdefault("schema", [{}])[0]["name"] = document["id"]
    name = draft.values.get("provider_name")
    if name and name != was.values["provider_name"]:
        _put_listed(document, "customProperties", "provider_name", name)


def _write(node: Document, each: Field, text: str) -> None:
    value = _typed(text, each)
    container = _CONTAINERS.get(each.place)
    if container is not None:
        _put_listed(node, container, each.key, value)
        return
    if each.place in ("description", "item_options"):
        name = "description" if each.place == "description" else "logicalTypeOptions"
        node = node.setdefault(name, {})
    if value is None:
        node.pop(each.key, None)
    else:
        node[each.key] = value


#: Places that are ODCS lists of property and value, and the key that holds them.
_CONTAINERS = {"root_custom": "customProperties", "item_custom": "customProperties", "update_cycle": "slaProperties"}


def _write_items(document: Document, rows: Sequence[Row], was: Sequence[Row], *, keep_missing: bool) -> None:
    elements = {str(each.get("name", "")): each for each in _properties(document)}
    before = {row[WAS]: row for row in was}
    keyed = [row["name"] for row in was if row.get("key")]
    made, renamed = [], {}
    for row in rows:
        old = row.get(WAS, "")
        element = elements.pop(old, {}) if old else {}
        _write_item(element, row, before.get(old, {}))
        made.append(element)
        if old and element.get("name") not in (None, old):
            renamed[old] = element["name"]
    if keep_missing:
        made += elements.values()
        elements = {}
    if made or document.get("schema"):
        document.setdefault("schema", [{}])[0]["properties"] = made
    _follow(document, renamed, set(elements) - {each.get("name") for each in made})
    _number_keys(made, [renamed.get(name, name) for name in keyed])


def _write_item(element: Document, row: Row, was: Row) -> None:
    letter = element.get("physicalType")
    for name, each in fields_of("items").items():
        if name in row and each.codec != "length" and _tidy(row[name]) != _tidy(was.get(name, "")):
            _write(element, each, row[name])
    changed = element.get("physicalType") != letter
    if "length" in row and (changed or _tidy(row["length"]) != _tidy(was.get("length", ""))):
        _write_length(element, row["length"].strip())
    logical = LOGICAL_OF_LETTER.get(str(element.get("physicalType")))
    if logical and (changed or not was):  # an export adds it to the others
        element["logicalType"] = logical
    for name in ("logicalTypeOptions", "customProperties"):
        if not was and element.get(name) in ({}, []):
            del element[name]


def _write_length(element: Document, length: str) -> None:
    letter = str(element.get("physicalType"))
    whole, _, scale = length.partition(",")
    texts, numbers = letter in ("C", "M"), letter in _NUMERIC
    options = element.setdefault("logicalTypeOptions", {})
    options.pop("maxLength", None)
    if texts and whole:
        options["maxLength"] = plain_value(whole)
    if not options:
        del element["logicalTypeOptions"]
    for name, text in (("precision", whole), ("scale", scale)):
        _put_listed(element, "customProperties", name, plain_value(text) if numbers and text else None)


def _number_keys(elements: Sequence[Document], before: Sequence[str]) -> None:
    """Numbers the key's items anew when others became the key."""
    keyed = [each for each in elements if each.get("primaryKey") is True]
    names = [str(each.get("name")) for each in keyed]
    if sorted(names) == sorted(before):
        return
    last = len(elements) + 1
    keyed.sort(key=lambda each: each.get("primaryKeyPosition") or last)
    for element in elements:
        element.pop("primaryKeyPosition", None)
    for position, element in enumerate(keyed, 1):
        element["primaryKeyPosition"] = position


def _follow(document: Document, renamed: Mapping[str, str], gone: set[str]) -> None:
    """Lets rules and references follow renamed items; drops the rules of items that are gone."""
    if not renamed and not gone:
        return
    table = document["schema"][0]
    for holder in (table, *table["properties"]):
        if isinstance(holder.get("quality"), list):
            kept = [rule for rule in holder["quality"] if not gone & set(_names_in(rule))]
            holder["quality"] = [_renamed(rule, renamed) for rule in kept]
            if not holder["quality"]:
                del holder["quality"]
    for element in table["properties"]:
        _follow_listed(element, "subjectTypeItem", renamed, gone)
    _follow_listed(document, "orderItem", renamed, gone)


def _follow_listed(node: Document, name: str, renamed: Mapping[str, str], gone: set[str]) -> None:
    value = _listed(node.get("customProperties"), name)
    if value in gone:
        _put_listed(node, "customProperties", name, None)
    elif value in renamed:
        _put_listed(node, "customProperties", name, renamed[value])


def _names_in(rule: Any) -> list[str]:
    """Lists the items that a rule names as its columns."""
    found: list[str] = []
    for name, value in rule.items() if isinstance(rule, Mapping) else ():
        if name in ("implementation", "kwargs"):
            found += _names_in(value)
        elif "column" in name:
            found += [value] if isinstance(value, str) else [each for each in value if isinstance(each, str)]
    return found


def _renamed(rule: Any, names: Mapping[str, str]) -> Any:
    if not isinstance(rule, Mapping):
        return rule
    made: Document = {}
    for name, value in rule.items():
        if name in ("implementation", "kwargs"):
            made[name] = _renamed(value, names)
        elif "column" in name:
            made[name] = names.get(value, value) if isinstance(value, str) else [names.get(v, v) for v in value]
        else:
            made[name] = value
    return made


def _write_basis(document: Document, rows: Sequence[Row], was: Sequence[Row]) -> None:
    known = fields_of("legal_basis")
    full = [row for row in rows if any(row.get(name, "").strip() for name in known)]
    if [{name: _tidy(row.get(name, "")) for name in known} for row in full] == [
        {name: _tidy(row[name]) for name in known} for row in was
    ]:
        return
    made = [{each.key: _typed(row[name], each) for name, each in known.items() if row.get(name)} for row in full]
    _put_listed(document, "customProperties", "legal_basis", made or None)


def _root_places(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "root": document,
        "description": document.get("description") or {},
        "root_custom": document.get("customProperties"),
        "update_cycle": document.get("slaProperties"),
    }


def _row_places(element: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "item": element,
        "item_custom": element.get("customProperties"),
        "item_options": element.get("logicalTypeOptions") or {},
        "legal_basis": element,
    }


def _read(places: Mapping[str, Any], each: Field) -> str:
    node = places[each.place]
    return _text(_listed(node, each.key) if each.place in _CONTAINERS else node.get(each.key))


def _properties(document: Mapping[str, Any]) -> list[Any]:
    tables = document.get("schema")
    table = tables[0] if isinstance(tables, list) and tables and isinstance(tables[0], Mapping) else {}
    found = table.get("properties")
    return found if isinstance(found, list) else []


def _listed(listing: Any, name: str) -> Any:
    for element in listing if isinstance(listing, list) else []:
        if isinstance(element, Mapping) and element.get("property") == name:
            return element.get("value")
    return None


def _put_listed(node: Document, container: str, name: str, value: Any) -> None:
    listing = node.get(container) or []
    found = next((each for each in listing if each.get("property") == name), None)
    if value is None:
        listing = [each for each in listing if each is not found]
    elif found is None:
        listing = [*listing, {"property": name, "value": value}]
    else:
        found["value"] = value
    if listing or container in node:
        node[container] = listing
    if not listing and node.get("physicalType"):
        node.pop(container, None)


def _text(value: Any) -> str:
    if value is None or value is False:
        return ""
    if value is True:
        return "1"
    if isinstance(value, list | tuple):
        return "\n".join(_text(each) for each in value)
    return str(value)


def _typed(text: str, each: Field) -> Any:
    """Returns what the contract holds for a text that was typed; None where nothing was."""
    text = _tidy(text)
    if not text or (each.rule.type == "flag" and text != "1"):
        return None
    if each.rule.type == "flag":
        return True
    if each.rule.type in ("whole", "number"):
        return plain_value(text)
    if each.rule.type == "texts":
        return [line.strip() for line in text.splitlines() if line.strip()]
    return text


def _tidy(text: str) -> str:
    return "\n".join(text.replace("\r\n", "\n").split("\r")).strip()
