"""Entries: checked, registered, published with a code, versioned, revoked."""

import json
from dataclasses import replace

import pytest
import yaml

from catalog.stores import entries as store
from exchange import connections, directory, entries, sync
from exchange.access import Actor
from exchange.codes import class_code
from schemas import contract as contracts
from schemas.errors import ContractError, Denied, InputError, NotFound, StateError
from tests.exchange.small_city import contract, csv_server, table_server


@pytest.fixture
def text(tmp_path):
    """The contract of `person` attached to a CSV file."""
    return contract(server=csv_server(tmp_path / "people.csv"))


def edited(text, change):
    """Returns the contract after `change` was applied to its document."""
    document = yaml.safe_load(text)
    change(document)
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False)


def test_a_draft_is_not_synced_and_publishing_gives_code_and_date(hub, admin, text):
    """An applied entry is a draft; publishing gives it a code that is the class and a number, and the date."""
    draft = entries.apply(hub, admin, text, "person.yaml")
    assert (draft.state_name, draft.code, draft.version, draft.publish_date) == ("草稿", None, 1, None)
    with pytest.raises(StateError, match="尚未发布"):
        sync.run(hub, admin, "person")
    published = entries.apply(hub, admin, text, "person.yaml", publish=True)
    assert (published.state, published.code, published.published_version) == (3, "3070050400/000001", 1)
    assert published.publish_date.isoformat() == "2026-11-22"
    assert entries.apply(hub, admin, text, "person.yaml", publish=True) == published
    assert entries.show_entry(hub, admin, "3070050400/000001").text == text
    assert [view.dataset for view in entries.list_entries(hub, admin)] == ["person"]


def test_codes_are_not_used_again(hub, admin, tmp_path, text):
    """A second entry gets the next number; a revoked entry's code and name are gone for good."""
    entries.apply(hub, admin, text, "a", publish=True)
    entries.revoke(hub, admin, "person", "机构撤并")
    other = entries.apply(hub, admin, contract("other", server=csv_server(tmp_path / "b.csv")), "b", publish=True)
    assert other.code.endswith("/000002")
    for act in (
        lambda: entries.apply(hub, admin, text, "a"),
        lambda: sync.run(hub, admin, "person"),
        lambda: entries.revoke(hub, admin, "person", "again"),
    ):
        with pytest.raises(StateError):
            act()
    with pytest.raises(InputError):
        entries.revoke(hub, admin, "other", " ")
    with pytest.raises(NotFound):
        entries.revoke(hub, admin, "none", "x")


def test_a_new_version_says_what_changed(hub, admin, text):
    """A changed contract becomes a draft of version 2 with its changes; version 1 stays in force until then."""
    entries.apply(hub, admin, text, "a", publish=True)
    longer = edited(text, lambda d: d["schema"][0]["properties"][1]["logicalTypeOptions"].update(maxLength=80))
    draft = entries.apply(hub, admin, longer, "a")
    assert (draft.version, draft.published_version, draft.changes[0]["compatible"]) == (2, 1, True)
    breaking = edited(text, lambda d: d["schema"][0]["properties"].pop())
    again = entries.apply(hub, admin, breaking, "a")
    assert (again.version, again.changes[0]["compatible"]) == (2, False)
    done = entries.apply(hub, admin, breaking, "a", publish=True)
    assert (done.published_version, done.code) == (2, draft.code)


def test_publishing_needs_the_administrator(hub, admin, police):
    """A department may register an entry on its own connection, not publish it."""
    clerk = Actor("clerk", frozenset({"editor"}), "11620400XX00A0048G")
    connections.set_connection(hub, admin, "police", police.url)
    entries.apply(hub, admin, contract("register", server=table_server()), "r")
    text = contract(server=table_server())
    assert entries.apply(hub, clerk, text, "a").state == 0
    with pytest.raises(Denied):
        entries.apply(hub, clerk, text, "a", publish=True)


def test_an_unknown_connection_is_refused(hub, admin, police):
    """An entry that names a connection nobody registered is refused with the names that are."""
    connections.set_connection(hub, admin, "traffic", police.url)
    with pytest.raises(NotFound, match="traffic"):
        entries.apply(hub, admin, contract(server=table_server()), "a")
    with pytest.raises(NotFound):
        entries.show_entry(hub, admin, "person")


def test_bad_contracts_are_refused_and_change_nothing(hub, admin, text):
    """A typo, a rule that cannot be compiled, a lint error: each is named; nothing is registered."""
    typo = text.replace("businessName", "busnessName", 1)
    assert any(problem.line > 1 for problem in entries.check(typo, "typo.yaml"))
    assert entries.check(text, "person.yaml") == [] or all(
        p.severity == "warning" for p in entries.check(text, "person.yaml")
    )
    with pytest.raises(ContractError):
        entries.apply(hub, admin, typo, "typo.yaml")

    def add_rule(document):
        rule = {"type": "expect_column_values_to_be_in_code_set", "column": "name", "code_set": "nowhere"}
        document["schema"][0]["quality"] = [
            {"id": "r1", "type": "custom", "engine": "greatExpectations", "implementation": rule}
        ]

    assert any(p.severity == "error" for p in entries.check(edited(text, add_rule), "rule.yaml"))
    same_words = edited(text, lambda d: d["description"].update(purpose=d["name"]))
    with pytest.raises(ContractError, match="摘要"):
        entries.apply(hub, admin, same_words, "lint.yaml", publish=True)
    assert entries.list_entries(hub, admin) == []


def test_the_classification_must_make_a_code(text):
    """A classification that is no code path is refused when a code is to be issued."""
    entry = contracts.load(text, "a").entry
    assert class_code(entry) == "3070050400"
    for given, expected in ((["101"], "101000" + "0400"), ("307-005-0400-1", "30700504001")):
        assert class_code(_with(entry, given)) == expected
    with pytest.raises(ContractError):
        class_code(_with(entry, "9"))


def _with(entry, classification):
    return replace(entry, metadata={**entry.metadata, "classification": classification})


def test_the_schedule_list_follows_the_directory(hub, admin, text, settings):
    """Publishing writes the list of DAGs whole and touches the DAG file; a revoked entry says so."""
    settings.dags_file.write_text("dag")
    before = settings.dags_file.stat().st_mtime_ns
    entries.apply(hub, admin, text, "a", publish=True)
    path = directory.write_directory(hub, admin)
    [listed] = json.loads(path.read_text(encoding="utf-8"))["entries"]
    assert listed == {
        "dataset": "person", "title": "人口person", "entry_version": 1, "schedule": "0 2 * * *", "connection": None,
        "pool": "source_files", "parallel_reads": 1, "department": "示例市公安局", "state": "published",
    }  # fmt: skip
    assert settings.dags_file.stat().st_mtime_ns > before
    assert [p.name for p in path.parent.iterdir()] == ["dags.json"]
    entries.revoke(hub, admin, "person", "停用")
    assert json.loads(path.read_text(encoding="utf-8"))["entries"][0]["state"] == "revoked"


@pytest.mark.slow
@pytest.mark.usefixtures("real_suite")
def test_the_suite_is_compiled_at_publishing(hub, admin, text):
    """Publishing stores the GX suite of the entry beside its gate plan."""
    entries.apply(hub, admin, text, "a", publish=True)
    with hub.transaction() as connection:
        version = store.find_version(connection, "person", 1)
    assert version.plan["dataset"] == "person"
    assert version.suite["expectations"]
