"""What is wrong with a form, said at its fields: values, what is missing, what the contract does not allow.

A fault's place is a field's name, `<rows>-<number>-<field>` within a list, or empty for the form as a whole. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from exchange.entry_text import WAS, Draft, Row
from schemas.contract.items import KINDS_OF_LETTER
from schemas.contract.reading import read_entry
from schemas.contract.report import Path, Problem, Report
from schemas.entry import Entry
from schemas.forms import Form
from schemas.forms.fields import Field, fields_of
from schemas.forms.proposals import dataset_name, item_name, proposed_item

#: Kinds whose length need not be written.
_NO_LENGTH = ("code", "region", "licence_id", "citizen_id", "uscc", "org_code", "registration_number", "mobile")
#: Parts of a property, and the field at which what is wrong with them is shown.
_SHOWN_AT = {
    "logicalTypeOptions": "length",
    "precision": "length",
    "scale": "length",
    "subjectTypeItem": "subject_type",
}


def filled(form: Form, draft: Draft, taken: set[str]) -> tuple[Draft, list[str]]:
    """Returns the draft with proposals where nothing was written, without empty rows, and what was proposed."""
    says: list[str] = []
    values = dict(draft.values)
    for name, default in form.defaults.items():
        values[name] = values.get(name) or default
    for each in form.fields:
        values[each.name] = values.get(each.name, "").strip() or each.default
    if not values["dataset"] and values["title"]:
        values["dataset"] = dataset_name(values["title"], taken)
        says.append(f"数据集名称按名称的拼音首字母取为 {values['dataset']}")
    if not values["abstract"]:
        values["abstract"] = values["title"]
    rows = {group: tuple(row for row in draft.rows.get(group, ()) if _written(row, group)) for group in form.groups}
    if "items" in rows:
        rows["items"] = fill_items(rows["items"])
    return Draft(values, rows), says


def _written(row: Row, group: str) -> bool:
    known = fields_of(group)
    return any(value.strip() for name, value in row.items() if name in known and known[name].widget in ("text", "area"))


def fill_items(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Returns the rows with names, types, kinds, lengths and levels proposed for those that are new."""
    taken = {row["name"] for row in rows if row.get("name")}
    made = []
    for row in rows:
        new = dict(row) if row.get(WAS) else _proposed(row)
        if not new.get("name") and new.get("title"):
            new["name"] = item_name(new["title"], taken)
            taken.add(new["name"])
        made.append(new)
    return tuple(made)


def _proposed(row: Row) -> dict[str, str]:
    new = {name: value.strip() for name, value in row.items()}
    facts = dict(proposed_item(new.get("title", "")))
    wholly = not new.get("kind")  # old templates have a level, and never say who is identified
    letter = new.get("type") or _letter_of(new.get("kind", "")) or facts["type"]
    kind = new.get("kind") or (facts["kind"] if facts["kind"] in KINDS_OF_LETTER.get(letter, ()) else "")
    kind = kind or KINDS_OF_LETTER.get(letter, ("text",))[0]
    new |= {"type": letter, "kind": kind}
    same = kind == facts["kind"]
    for name in ("code_set", "level", "length") if same else ("level",):
        new[name] = new.get(name) or facts.get(name, "")
    if same and wholly:
        for name in ("identifying", "subject_role", "subject_type"):
            new[name] = new.get(name) or facts.get(name, "")
    if letter == "C" and not new.get("length") and kind not in _NO_LENGTH:
        new["length"] = "200"
    if letter not in "CMNY":
        new["length"] = ""
    return new


def _letter_of(kind: str) -> str:
    return next((letter for letter, kinds in KINDS_OF_LETTER.items() if kind in kinds), "")


def field_faults(form: Form, draft: Draft) -> dict[str, str]:
    """Judges every value by its field, and asks for what others make needed."""
    found = dict(_faults_in(form.fields, draft.values, "", draft.values))
    for group, fields in form.groups.items():
        for number, row in enumerate(draft.rows.get(group, ())):
            found |= dict(_faults_in(fields, row, f"{group}-{number}-", row))
    return found


def _faults_in(
    fields: Sequence[Field], values: Mapping[str, str], prefix: str, others: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    for each in fields:
        value = values.get(each.name, "")
        fault = each.fault(value)
        if not fault and not value.strip():
            fault = _needed(each, others)
        if fault:
            yield prefix + each.name, fault


def _needed(each: Field, others: Mapping[str, str]) -> str:
    met = any(others.get(other, "") in values for other, values in each.needed_when.items())
    return f"此时须填写“{each.label}”" if met else ""


def read_document(document: Mapping[str, Any]) -> tuple[Entry | None, list[tuple[Path, Problem]]]:
    """Reads a document that the form wrote; each problem comes with its path in the document."""
    paths = list(_paths(document, ()))
    report = Report({path: (number, 1) for number, path in enumerate(paths, 1)}, document)
    entry = read_entry(report, document)
    return entry, [(paths[problem.line - 1], problem) for problem in report.problems]


def _paths(node: Any, at: Path) -> Iterator[Path]:
    yield at
    children = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else ()
    for step, child in children:
        yield from _paths(child, (*at, step))


def place_of(document: Mapping[str, Any], path: Path, problem: Problem) -> str:
    """Returns the field at which a problem of the document is shown."""
    words = [*_words(document, path), *problem.key.split(".")[-1:]]
    if path[:3] == ("schema", 0, "properties") and len(path) > 3:
        return f"items-{path[3]}-{_named(fields_of('items'), words, 'title')}"
    return _named(fields_of("entry"), words, "")


def _words(document: Any, path: Path) -> list[str]:
    """Lists the keys along a path; an element of a list of properties stands for its property."""
    node, words = document, []
    for step in path:
        node = node[step]
        if isinstance(step, str):
            words.append(step)
        elif isinstance(node, Mapping) and isinstance(node.get("property"), str):
            words.append(node["property"])
    return words


def _named(fields: Mapping[str, Field], words: Sequence[str], otherwise: str) -> str:
    by_key = {each.key: name for name, each in fields.items()}
    for word in reversed(words):
        if word in by_key:
            return by_key[word]
        if word in _SHOWN_AT and _SHOWN_AT[word] in fields:
            return _SHOWN_AT[word]
    return otherwise
