"""The entry form: proposals, faults at their fields, drafts with faults, one's own department only."""

from datetime import UTC, datetime

import pytest
import yaml

from catalog.stores import departments
from catalog.stores import entries as store
from catalog.stores.entries import State
from exchange import entries, entry_form, entry_odcs
from exchange.access import Actor
from exchange.entry_form import Sent
from schemas.errors import ContractError, Denied, InputError, NotFound, StateError
from tests.exchange.small_city import PROVIDER, contract, csv_server

OTHER = "11620400XX00C0014G"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
VALUES = {
    "title": "教师资格信息",
    "abstract": "教师资格证的持有人和学科",
    "classification": "307005",
    "share_condition": "无条件",
}
ROWS = {"items": ({"title": "姓名", "was": ""}, {"title": "公民身份号码", "was": "", "key": "1"}), "legal_basis": ()}


@pytest.fixture
def editor(hub):
    """An editor of one of two departments."""
    with hub.transaction() as connection:
        departments.save(connection, PROVIDER, "示例市教育局", NOW)
        departments.save(connection, OTHER, "示例市公安局", NOW)
    return Actor("wang", frozenset({"editor"}), PROVIDER, "portal")


@pytest.fixture
def stranger(editor):
    """An editor of the other department."""
    return Actor("li", frozenset({"editor"}), OTHER, "portal")


def reopened(hub, actor, dataset, **changes):
    """Opens a form and changes values."""
    view = entry_form.open_form(hub, actor, dataset)
    return Sent({**view.values, **changes}, dict(view.rows), view.form.type, dataset, view.stamp)


def test_an_empty_form_knows_the_department(hub, editor):
    """The account's department is filled in; nothing else may be chosen."""
    view = entry_form.open_form(hub, editor)
    assert view.values["provider_code"] == PROVIDER
    assert [each.code for each in view.departments] == [PROVIDER]


def test_checking_proposes_and_writes_nothing(hub, editor):
    """Names, kinds and levels are proposed; the lint has judged; nothing is registered."""
    view = entry_form.check_form(hub, editor, Sent(VALUES, ROWS))
    assert not view.faults and view.values["dataset"] == "jszgxx"
    assert [row["kind"] for row in view.rows["items"]] == ["name", "citizen_id"]
    assert {each.id for each in view.lint if not each.passed} == set()
    assert len(view.lint) > 15
    assert entry_form.open_form(hub, editor).dataset is None
    with hub.transaction() as connection:
        assert store.list_all(connection) == []


def test_faults_stand_at_their_fields(hub, editor):
    """A wrong value, a missing one, a wrong code set and a lint finding are each shown where they belong."""
    rows = {
        "items": ({"title": "性别", "kind": "code", "type": "C", "level": "S2", "was": ""}, {"title": "", "name": "x1"})
    }
    values = {
        **VALUES,
        "region_code": "62",
        "share_type": "2",
        "share_condition": "",
        "update_cycle": "9",
        "schedule": "每天",
    }
    view = entry_form.check_form(hub, editor, Sent(values, rows))
    expected = {"region_code", "share_condition", "share_scope", "update_cycle", "schedule", "items-1-title"}
    assert expected <= set(view.faults)
    assert not view.saved
    lint = entry_form.check_form(hub, editor, Sent({**VALUES, "share_condition": "部门甲可用"}, ROWS)).lint
    assert [(each.id, each.place) for each in lint if not each.passed] == [("L8", "share_condition")]


def test_a_draft_with_findings_is_saved_and_a_broken_one_is_not(hub, editor):
    """What only the lint finds may wait; what no contract can hold is not saved."""
    view = entry_form.save_draft(hub, editor, Sent({**VALUES, "share_condition": "部门甲可用"}, ROWS))
    assert view.saved and view.dataset == "jszgxx"
    broken = entry_form.save_draft(hub, editor, Sent({**VALUES, "title": "", "dataset": "x_1"}, ROWS))
    assert not broken.saved and "title" in broken.faults
    shown = entries.show_entry(hub, Actor("root", frozenset({"administrator"})), "jszgxx")
    assert (shown.state, shown.version, shown.provider_name) == (State.DRAFT, 1, "示例市教育局")


def test_saving_again_unchanged_makes_no_version(hub, admin, editor):
    """An unchanged form writes nothing; a change of an open draft stays the same version."""
    entry_form.save_draft(hub, editor, Sent(VALUES, ROWS))
    text = entries.show_entry(hub, admin, "jszgxx").text
    assert entry_form.save_draft(hub, editor, reopened(hub, editor, "jszgxx")).says == ("没有改动",)
    assert entries.show_entry(hub, admin, "jszgxx").text == text
    entry_form.save_draft(hub, editor, reopened(hub, editor, "jszgxx", abstract="另一个摘要"))
    shown = entries.show_entry(hub, admin, "jszgxx")
    assert shown.version == 1 and "另一个摘要" in shown.text


def test_a_published_entry_gets_a_new_version_and_keeps_what_the_form_does_not_know(hub, admin, editor, tmp_path):
    """Changing what is in force makes a draft version with a higher number; attachment and rules stay."""
    text = contract(server=csv_server(tmp_path / "people.csv"), provider_name="示例市教育局")
    entries.apply(hub, admin, text, "person.yaml", publish=True)
    entry_form.save_draft(hub, editor, reopened(hub, editor, "person", abstract="人口信息的摘要"))
    shown = entries.show_entry(hub, admin, "person")
    assert (shown.version, shown.published_version, shown.contract_version) == (2, 1, "1.1.0")
    before, after = yaml.safe_load(text), yaml.safe_load(shown.text)
    assert after["servers"] == before["servers"] and after["schema"] == before["schema"]


def test_another_department_neither_sees_nor_touches_a_draft(hub, editor, stranger):
    """Opening, checking, saving and importing over another department's draft find none."""
    entry_form.save_draft(hub, editor, Sent(VALUES, ROWS))
    sent = Sent(VALUES, ROWS, "table", "jszgxx")
    for act in (entry_form.check_form, entry_form.save_draft):
        with pytest.raises(NotFound):
            act(hub, stranger, sent)
    with pytest.raises(NotFound):
        entry_form.open_form(hub, stranger, "jszgxx")
    view = entry_form.save_draft(hub, stranger, Sent({**VALUES, "dataset": "jszgxx"}, ROWS))
    assert not view.saved and "已被使用" in view.faults["dataset"]
    chosen = entry_form.save_draft(hub, stranger, Sent({**VALUES, "provider_code": PROVIDER}, ROWS))
    assert not chosen.saved and "provider_code" in chosen.faults
    text = entry_odcs.export_contract(hub, editor, "jszgxx").content.decode()
    with pytest.raises(Denied):
        entry_odcs.import_contract(hub, stranger, "x.yaml", text)


def test_roles(hub, editor):
    """Analysts and reviewers do not open the form."""
    for role in ("analyst", "dept_reviewer", "audit_admin"):
        with pytest.raises(Denied):
            entry_form.open_form(hub, Actor("zhao", frozenset({role}), PROVIDER, "portal"))


def test_two_people_at_one_form(hub, editor):
    """Who saves second is told that somebody else changed the entry."""
    entry_form.save_draft(hub, editor, Sent(VALUES, ROWS))
    first, second = (reopened(hub, editor, "jszgxx", abstract=words) for words in ("摘要甲", "摘要乙"))
    entry_form.save_draft(hub, editor, first)
    with pytest.raises(StateError, match="他人"):
        entry_form.save_draft(hub, editor, second)


def test_an_entry_under_review_is_not_changed(hub, editor):
    """While an entry is under review its text stays."""
    entry_form.save_draft(hub, editor, Sent(VALUES, ROWS))
    with hub.transaction() as connection:
        store.update_entry(connection, "jszgxx", state=State.PENDING)
    with pytest.raises(StateError, match="审核"):
        entry_form.save_draft(hub, editor, reopened(hub, editor, "jszgxx", abstract="改"))


def test_contract_files(hub, admin, editor):
    """A contract file becomes a draft; a wrong one is refused with its line; an unknown department is named."""
    entry_form.save_draft(hub, editor, Sent(VALUES, ROWS))
    text = entry_odcs.export_contract(hub, editor, "jszgxx").content.decode()
    assert entry_odcs.import_contract(hub, editor, "a.yaml", text).what == "unchanged"
    changed = text.replace("教师资格证的持有人和学科", "换过的摘要")
    assert entry_odcs.import_contract(hub, editor, "a.yaml", changed).what == "changed"
    with pytest.raises(ContractError, match="第"):
        entry_odcs.import_contract(hub, editor, "a.yaml", changed.replace("physicalType: C", "physicalType: X", 1))
    unknown = changed.replace(PROVIDER, "11620400XX00C00306").replace("jszgxx", "jszgxx_b")
    with pytest.raises(InputError, match="没有登记"):
        entry_odcs.import_contract(hub, admin, "a.yaml", unknown)
    with pytest.raises(InputError, match="UTF-8"):
        entry_odcs.decoded("名称".encode("gb18030"), "a.yaml")
