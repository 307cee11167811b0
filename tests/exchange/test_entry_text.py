"""A contract and the form's model: nothing is lost, nothing changes that nobody changed, rules follow renamed items."""

import json
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft201909Validator

from exchange.directory_workbook_entries import Registered, write_entry
from exchange.directory_workbook_rows import read_directory
from exchange.directory_workbook_write import Listed, write_workbook
from exchange.entry_form_faults import filled, read_document
from exchange.entry_odcs import portable
from exchange.entry_text import WAS, Draft, new_document, read_draft, write_draft
from exchange.entry_text_yaml import write_text
from schemas import contract
from schemas.contract.document import parse
from schemas.contract.report import Report
from schemas.forms import form

ROOT = Path(__file__).parents[2]
TEXTS = {
    path.stem: path.read_text("utf-8")
    for path in [*sorted((ROOT / "examples/contracts").glob("*.yaml")), ROOT / "tests/contracts/full.yaml"]
} | {name: (ROOT / f"tests/contracts/{name}.yaml").read_text("utf-8") for name in ("minimal", "every_key")}
SCHEMA = json.loads(resources.files("open_data_contract_standard").joinpath("schema.json").read_text("utf-8"))
PROVIDER = {"provider_code": "11620400XX00A0048G", "provider_name": "示例市民政局"}

_letters = st.sampled_from("一二三市县登记号码姓名 aZ0=+-@:#'\"{}[],&*!|>%`~?（），。、《》/\\😀_x")
_word = st.text(_letters, min_size=1, max_size=20).map(str.strip).filter(bool)
_lines = st.lists(_word, min_size=1, max_size=3).map("\n".join)
_title = st.text(st.sampled_from("姓名出生日期单位地址类别甲乙丙丁戊"), min_size=2, max_size=8)
_kinds = st.sampled_from(
    [
        "公民身份号码",
        "姓名",
        "统一社会信用代码",
        "性别",
        "民族",
        "出生日期",
        "更新时间",
        "金额",
        "人数",
        "面积",
        "备注",
        "照片",
        "行政区划",
    ]
)


@st.composite
def drafts(draw):
    """Draws what somebody may type into the form."""
    choice = {
        each.name: st.sampled_from(["", *(option.code for option in each.options)])
        for each in form("table").fields
        if each.widget == "choice"
    }
    values = {name: draw(each) for name, each in choice.items()} | PROVIDER
    values |= {"title": draw(_title), "abstract": draw(_lines), "tags": draw(st.just("") | _lines)}
    for name in ("share_condition", "share_scope", "open_condition", "source_system", "contact_name", "format_note"):
        values[name] = draw(st.just("") | _word)
    values["classification"] = draw(st.sampled_from(["", "307005", "101", "101\n307005001"]))
    values["publish_date"] = draw(st.sampled_from(["", "2018-06-01"]))
    titles = draw(st.lists(_kinds | _title, min_size=1, max_size=6, unique=True))
    rows = tuple(
        {"title": title, "required": draw(st.sampled_from(["", "1"])), "key": draw(st.sampled_from(["", "1"])),
         "description": draw(st.just("") | _word), "share_type": draw(st.sampled_from(["", "2", "3"]))}
        for title in titles
    )  # fmt: skip
    return Draft(values, {"items": rows, "legal_basis": ()})


def document_of(text):
    """Parses a contract."""
    return parse(text, Report()).data


def schema_errors(document):
    """Lists where a document does not follow the published JSON schema."""
    return [error.message for error in Draft201909Validator(SCHEMA).iter_errors(document)]


@pytest.mark.parametrize("name", TEXTS)
def test_reading_and_writing_changes_nothing(name):
    """The model of a contract, written back, gives the same document; typing blanks around a value does not count."""
    document = document_of(TEXTS[name])
    draft = read_draft(document)
    assert write_draft(document, draft) == document
    spaced = Draft({key: f" {value}\r\n" for key, value in draft.values.items() if key != "provider_name"}, draft.rows)
    assert write_draft(document, spaced) == document


@pytest.mark.parametrize("name", TEXTS)
def test_exports_follow_the_published_schema(name):
    """Every exported contract passes the JSON schema, and still says what it said."""
    made = portable(document_of(TEXTS[name]))
    assert schema_errors(made) == []
    assert contract.load(write_text(made), name).entry == contract.load(TEXTS[name], name).entry


@pytest.mark.parametrize("name", TEXTS)
def test_workbook_of_a_contract_changes_nothing(name):
    """A contract written into the workbook and read again is the same document."""
    assert_workbook_changes_nothing(document_of(TEXTS[name]))


def assert_workbook_changes_nothing(document):
    """Writes the full directory, reads it back over the document, and compares."""
    draft = read_draft(document)
    code = draft.values["dept_code"]
    content = write_workbook("full", "目录", [Listed(draft, code, draft.rows["items"])])
    [raw] = read_directory(content, "目录").entries
    provider = {name: draft.values[name] for name in PROVIDER}
    made = write_entry(raw, Registered(draft.values["dataset"], document, code), provider, set())
    assert not made.faults
    assert made.document == document


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(drafts())
def test_generated_contracts_survive_every_way_out_and_in(draft):
    """What the form writes is a valid contract that text, schema, form and workbook give back unchanged."""
    made, _ = filled(form("table"), draft, set())
    document = write_draft(new_document(), made)
    entry, problems = read_document(document)
    assert entry is not None, [problem.says for _, problem in problems]
    assert document_of(write_text(document)) == document
    assert schema_errors(portable(document)) == []
    assert write_draft(document, read_draft(document)) == document
    assert_workbook_changes_nothing(document)


def test_what_the_form_does_not_know_stays():
    """Rules, thresholds, servers and options are as before when a title changes."""
    document = document_of(TEXTS["full"])
    draft = read_draft(document)
    made = write_draft(document, Draft({**draft.values, "title": "新名称"}, draft.rows))
    assert made["name"] == "新名称"
    made["name"] = document["name"]
    assert made == document


def test_rules_follow_a_renamed_item_and_go_with_a_removed_one():
    """Renaming an item renames it in rules and references; removing it removes the rules about it."""
    document = document_of(TEXTS["full"])
    draft = read_draft(document)
    rows = [dict(row) for row in draft.rows["items"]]
    for row in rows:
        row["name"] = {"valid_from": "begins", "holder_code_type": "holder_kind"}.get(row["name"], row["name"])
    renamed = write_draft(document, Draft(draft.values, {"items": tuple(rows)}))
    assert contract.load(write_text(renamed), "renamed").entry.item("begins")
    table = renamed["schema"][0]
    assert table["quality"][0]["implementation"]["kwargs"]["column_A"] == "begins"
    kept = tuple(row for row in rows if row[WAS] not in ("valid_from", "update_time"))
    removed = write_draft(document, Draft(draft.values, {"items": kept}))
    entry = contract.load(write_text(removed), "removed").entry
    assert entry.order_item is None and len(removed["schema"][0]["quality"]) == 2


def test_changing_the_key_numbers_it_anew():
    """Another key gets positions from 1; an unchanged key keeps what it had."""
    document = document_of(TEXTS["population"])
    draft = read_draft(document)
    rows = tuple(
        {**row, "key": "1" if row["name"] in ("citizen_id", "doc_type") else ""} for row in draft.rows["items"]
    )
    made = write_draft(document, Draft(draft.values, {"items": rows}))
    assert contract.load(write_text(made), "key").entry.row_key == ("citizen_id", "doc_type")


def test_length_follows_the_type():
    """Characters are written as maxLength, digits as precision and scale; neither is left behind."""
    document = write_draft(
        new_document(),
        filled(
            form("table"),
            Draft({"title": "测试", **PROVIDER}, {"items": ({"title": "面积", "length": "10,3"},)}),
            set(),
        )[0],
    )
    [row] = read_draft(document).rows["items"]
    assert (row["type"], row["length"]) == ("N", "10,3")
    changed = write_draft(document, Draft({}, {"items": ({**row, "type": "C", "kind": "text", "length": "20"},)}))
    [element] = changed["schema"][0]["properties"]
    assert element["logicalTypeOptions"] == {"maxLength": 20} and element["logicalType"] == "string"
    assert {each["property"] for each in element["customProperties"]} == {"kind"}
