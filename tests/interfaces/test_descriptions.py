"""Descriptions: what is wrong is found with its line; no reference leads outside; mappings fit the entry."""

import copy
import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import contract
from schemas.openapi.answers import Shape, read_rows
from schemas.openapi.document import read_description
from schemas.openapi.mapping import FromItem, Mapped, ToItem, check_mapping
from schemas.openapi.operations import operation_of, operations
from schemas.openapi.shapes import parse_path
from tests.exchange.small_city import unattached
from tests.interfaces.provider import DESCRIPTION, TEXT, answer, row

KEY = "620402196001019851"
ENTRY = contract.load(unattached("pension"), "pension").entry


def changed(change):
    """Returns the description's text after a change of its copy."""
    document = copy.deepcopy(DESCRIPTION)
    change(document)
    return json.dumps(document, ensure_ascii=False)


def codes(text):
    """Names the errors of a text."""
    return {finding.code for finding in read_description(text).findings if finding.severity == "error"}


def row_schema(document):
    """Returns the schema of a row."""
    return document["components"]["schemas"]["Row"]


def test_json_and_yaml_are_read():
    """A whole description has no finding in either notation and shows its operations."""
    for text in (TEXT, yaml.safe_dump(DESCRIPTION, allow_unicode=True, sort_keys=False)):
        found = read_description(text)
        assert found.usable and found.title == "养老金查询"
        assert [each.name for each in operations(found.document)] == ["GET /pensions/{id}"]


@pytest.mark.parametrize("reference", [
    "http://169.254.169.254/x", "https://example.org/a.json#/Row", "file:///etc/passwd", "other.yaml#/Row", "//host/x",
    "../../secrets.json", "", "#Row", "FILE:///x",
])  # fmt: skip
def test_references_outside_are_refused(reference):
    """No reference to a file, an address or another document passes, wherever it stands."""
    text = changed(lambda d: row_schema(d)["properties"].update(x={"$ref": reference}))
    assert "OPENAPI_REF" in codes(text)
    path = changed(lambda d: d["paths"].update({"/other": {"$ref": reference}}))
    assert not read_description(path).usable


@pytest.mark.parametrize(("text", "code"), [
    ("", "OPENAPI_SHAPE"),
    ("[1]", "OPENAPI_SHAPE"),
    ("{", "OPENAPI_TEXT"),
    ("a: &x 1\nb: *x", "OPENAPI_TEXT"),
    ("a: !!python/object/apply:os.system [x]", "OPENAPI_TEXT"),
    ('{"swagger": "2.0"}', "OPENAPI_VERSION"),
    ('{"openapi": "4.0.0", "info": {"title": "x", "version": "1"}, "paths": {"/a": {}}}', "OPENAPI_VERSION"),
    ('{"openapi": "3.0.0"}', "OPENAPI_SHAPE"),
    ("x" * 1_100_000, "OPENAPI_TEXT"),
    ("[" * 500, "OPENAPI_TEXT"),
])  # fmt: skip
def test_what_is_no_description_is_a_finding(text, code):
    """Empty, broken, old, huge, deep and hostile texts are findings, never exceptions."""
    assert code in codes(text)


def test_findings_have_lines():
    """A fault names its line."""
    text = json.dumps(DESCRIPTION, indent=1).replace('"in": "path"', '"in": "nowhere"')
    found = next(each for each in read_description(text).findings if each.severity == "error")
    assert found.line and '"nowhere"' in text.splitlines()[found.line - 1]


def test_a_schema_that_contains_itself_is_no_trouble():
    """Recursion in a description ends."""
    text = changed(lambda d: row_schema(d)["properties"].update(boss={"$ref": "#/components/schemas/Row"}))
    loop = changed(lambda d: d["components"]["schemas"].update(Row={"allOf": [{"$ref": "#/components/schemas/Row"}]}))
    for each in (text, loop):
        document = read_description(each).document
        check_mapping(document, operations(document)[0], WHOLE, ENTRY)


WHOLE = Mapped(
    (FromItem("id", "path", item="citizen_id"),),
    "data.rows",
    (ToItem("citizen_id", "gmsfhm"), ToItem("name", "xm"), ToItem("birth_date", "birth.day")),
)


@pytest.mark.parametrize("wrong", [
    Mapped((), "data.rows", WHOLE.fields),
    Mapped((FromItem("id", "path", constant="1"),), "data.rows", WHOLE.fields),
    Mapped((FromItem("id", "query", item="citizen_id"),), "data.rows", WHOLE.fields),
    Mapped((*WHOLE.parameters, *WHOLE.parameters), "data.rows", WHOLE.fields),
    Mapped((FromItem("id", "path", item="nobody"),), "data.rows", WHOLE.fields),
    Mapped((FromItem("id", "path", item="sex_code"),), "data.rows", WHOLE.fields),
    Mapped(WHOLE.parameters, "data.nothing", WHOLE.fields),
    Mapped(WHOLE.parameters, "data.rows", ()),
    Mapped(WHOLE.parameters, "data.rows", (ToItem("name", "nothing"),)),
    Mapped(WHOLE.parameters, "data.rows", (ToItem("name", "birth"),)),
    Mapped(WHOLE.parameters, "data.rows", (ToItem("nobody", "xm"),)),
    Mapped(WHOLE.parameters, "data.rows", (ToItem("name", "xm"), ToItem("name", "xb"))),
])  # fmt: skip
def test_mappings_that_do_not_fit_are_found(wrong):
    """Unknown, missing, repeated and unfitting parameters, places and fields are findings; the whole one has none."""
    document = read_description(TEXT).document
    operation = operation_of(document, "GET /pensions/{id}")
    assert check_mapping(document, operation, WHOLE, ENTRY) == []
    assert check_mapping(document, operation, wrong, ENTRY)


SHAPE = Shape(DESCRIPTION, operation_of(DESCRIPTION, "GET /pensions/{id}"), WHOLE)


def test_drift_names_the_field_and_extra_fields_are_a_notice():
    """A field that all rows lack or have in another type drifts; one row's fault is that row's; more is a notice."""
    assert not read_rows(SHAPE, answer(row(KEY))).drifts
    lacking = {name: value for name, value in row(KEY).items() if name != "xm"}
    assert "xm" in read_rows(SHAPE, answer(lacking)).drifts[0].says
    assert "类型" in read_rows(SHAPE, answer(row(KEY, xm=1))).drifts[0].says
    one = read_rows(SHAPE, answer(row(KEY, xm=1), row(KEY)))
    assert not one.drifts and one.faults["INTERFACE_TYPE", "name"] == [0]
    assert read_rows(SHAPE, answer(row(KEY, more=1))).notices[0].place == "more"
    assert read_rows(SHAPE, {"data": {}}).drifts and not read_rows(SHAPE, answer()).drifts


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["data", "rows", "xm", "birth", "day"]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(json_values)
def test_no_answer_breaks_the_reading(payload):
    """Whatever JSON comes, reading gives only mapped items, each a scalar."""
    for each in read_rows(SHAPE, payload).values:
        assert set(each) == set(WHOLE.items)
        assert not any(isinstance(value, dict | list) for value in each.values())


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30))
def test_no_text_breaks_a_path_or_a_description(text):
    """Paths and descriptions of any text are read or refused, without an exception."""
    parse_path(text)
    read_description(text)
