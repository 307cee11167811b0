"""The life of an entry: every state, role and command against the table; what is chained, told and kept in force."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import date

import pytest
import yaml
from sqlalchemy import text

from catalog.stores import accounts, attachments, datasets, departments, entry_reviews
from catalog.stores import entries as store
from exchange import duties, entries, life, lifecycle, lineage, revocation, sync
from exchange import tasks as waiting
from exchange.access import ROLE_NAMES, Actor
from exchange.audit import USE_CASES
from exchange.entry_events import note
from exchange.lifecycle_table import COMMANDS, Stage
from schemas.errors import ContractError, Denied, HubError, InputError, NotFound, StateError
from tests.exchange.small_city import PROVIDER, contract, csv_server

AUTHORITY = "11620400XX00C0014G"
AUTHOR = Actor("author", frozenset({"editor"}), PROVIDER, "portal")
REVIEWER = Actor("reviewer", frozenset({"dept_reviewer"}), PROVIDER, "portal")
CHIEF = Actor("chief", frozenset({"data_admin"}), AUTHORITY, "portal", region="6204")
REASON = "内容与职责不符，请核对"

#: The table, written out a second time: command → (roles beside the local administrator, from state → to state).
#: 1a is the department's step of review, 1b the authority's; * marks an entry that was published before.
EXPECTED = {
    "edit": ({"editor", "data_admin"}, {"0": 0, "0*": 0, "2": 0, "2*": 0, "3*": 0, "5*": 0}),
    "submit": ({"editor"}, {"0": 1, "0*": 1}),
    "withdraw": ({"editor"}, {"1a": 0, "1a*": 0, "1b": 0, "1b*": 0}),
    "endorse": ({"dept_reviewer"}, {"1a": 1, "1a*": 1}),
    "return": ({"dept_reviewer"}, {"1a": 0, "1a*": 0}),
    "approve": ({"data_admin"}, {"1b": 3, "1b*": 3}),
    "send_back": ({"data_admin"}, {"1b": 0, "1b*": 0}),
    "reject": ({"data_admin"}, {"1b": 2, "1b*": 2}),
    "abandon": ({"editor"}, {"0*": 3, "2*": 3}),
    "delete": ({"editor"}, {"0": 7, "2": 7}),
    "request_revoke": ({"editor", "dept_reviewer"}, {"3*": 4, "5*": 4, "0*": 4, "2*": 4}),
    "approve_revoke": ({"data_admin"}, {"4*": 6}),
    "reject_revoke": ({"data_admin"}, {"4*": 5}),
    "resume": ({"editor", "dept_reviewer"}, {"5*": 3}),
}
SITUATIONS = ("0", "0*", "1a", "1a*", "1b", "1b*", "2", "2*", "3*", "4*", "5*", "6*", "7")


def written(dataset="person", **changes):
    """Writes a contract without an attachment."""
    document = yaml.safe_load(contract(dataset, server=csv_server("/nowhere"), **changes))
    del document["servers"]
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False)


@pytest.fixture
def city(hub):
    """A hub with a region, the police and the authority."""
    with hub.transaction() as connection:
        connection.execute(text("insert into hub.regions (code, name, level) values ('620400', '示例市', 1)"))
        for code, name in ((PROVIDER, "示例市公安局"), (AUTHORITY, "示例市大数据局")):
            departments.save(connection, code, name, hub.clock.now())
        connection.execute(text("update hub.departments set region_code = '620400'"))
    return hub


def reviewed(hub, dataset="person", number=1):
    """Records the three reviews of R-23 without their sheets."""
    facts = {"person": "王某", "reviewed_on": date(2026, 11, 20), "passed": True, "opinion": "同意"}
    sheet = {"scan_name": "a.pdf", "scan_type": "application/pdf", "scan_sealed": b""}
    who = {"recorded_by": "author", "recorded_at": hub.clock.now()}
    with hub.transaction() as connection:
        for kind in ("secrecy", "personal_information", "leader"):
            entry_reviews.add(connection, entry_reviews.NewReview(dataset, number, kind, **facts, **sheet, **who))


def published(hub, dataset="person", **changes):
    """Takes an entry through its whole life up to publication."""
    number = entries.apply(hub, AUTHOR, written(dataset, **changes), "a").version
    reviewed(hub, dataset, number)
    lifecycle.submit(hub, AUTHOR, dataset)
    lifecycle.endorse(hub, REVIEWER, dataset)
    return lifecycle.approve(hub, CHIEF, dataset, "同意发布")


class Rehearsal:
    """Stands in for an engine: every transaction is a savepoint of one that is never committed."""

    def __init__(self, connection):
        self.connection = connection

    @contextmanager
    def begin(self):
        """Opens a savepoint."""
        with self.connection.begin_nested():
            yield self.connection


def place(hub, situation):
    """Puts the entry `person` into a situation."""
    state, was_published = int(situation[0]), situation.endswith("*")
    with hub.transaction() as connection:
        version = store.latest_version(connection, "person")
        number = 1
        if was_published:
            facts = {"state": 3 if state in (0, 1, 2) else state, "published_version": 1, "code": "3070050400/000001"}
            store.update_version(connection, "person", 1, state=3, published_at=hub.clock.now())
            store.update_entry(connection, "person", **facts, publish_date=date(2026, 11, 20))
        else:
            store.update_entry(connection, "person", state=state)
            store.update_version(connection, "person", 1, state=state if state < 3 else 0)
        if was_published and state in (0, 1, 2):
            number = 2
            store.add_version(connection, replace(version, number=2, state=state))
        if situation.startswith("1"):
            for command in ("submit", "endorse") if "b" in situation else ("submit",):
                note(connection, hub, AUTHOR, dataset="person", version=number, command=command, states=(0, 1))
    reviewed(hub, number=number)


def attempt(hub, actor, name):
    """Gives a command and returns the state that it led to."""
    if name == "edit":
        entries.apply(hub, actor, written(share_scope="全市各部门"), "a")
        with hub.transaction() as connection:
            return store.latest_version(connection, "person").state
    functions = {**vars(lifecycle), **vars(revocation)}
    function = functions["return_to_editor" if name == "return" else name]
    return STATE_OF[function(hub, actor, "person", REASON).stage]


STATE_OF = {"draft": 0, "registration": 1, "publication": 1, "rejected": 2, "published": 3, "revoke_pending": 4,
            "revoke_rejected": 5, "revoked": 6, "deleted": 7}  # fmt: skip


@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_state_role_and_command(city, situation):
    """What the table allows leads where it says; what it does not is refused: by role, by state, or by reach."""
    entries.apply(city, AUTHOR, written(), "a")
    with city.engine.connect() as connection, connection.begin() as whole:
        hub = replace(city, engine=Rehearsal(connection))
        place(hub, situation)
        for role in ROLE_NAMES:
            actor = Actor(f"u_{role}", frozenset({role}), PROVIDER, "portal", region="6204")
            for name, (roles, ways) in EXPECTED.items():
                case = (situation, role, name)
                with connection.begin_nested() as once:
                    try:
                        got = attempt(hub, actor, name)
                    except HubError as error:
                        got = error
                    once.rollback()
                if role not in roles | {"administrator"}:
                    assert isinstance(got, Denied) and got.code == "DENIED", (case, got)
                elif situation not in ways:
                    assert isinstance(got, StateError), (case, got)
                else:
                    assert got == ways[situation], (case, got)
        whole.rollback()


def test_the_table_names_every_command_and_use_case():
    """Each row has its action and use-case; the second table of this test knows every row."""
    assert set(EXPECTED) == set(COMMANDS)
    for name, (roles, _) in EXPECTED.items():
        assert COMMANDS[name].roles == roles | {"administrator"}, name
        assert COMMANDS[name].action in USE_CASES
    assert {each.value for each in Stage} == set(STATE_OF)


def test_the_whole_life_with_a_change(city):
    """Publication gives code and date; a change leaves the old version in force until it is published itself.

    An update task after a change of law ends with the publication.
    """
    moved = published(city)
    duties.register_duty(city, AUTHOR, duties.NewDuty("law", "条例修订", date(2026, 11, 20), datasets=("person",)))
    assert (moved.state, moved.code) == (3, "3070050400/000001")
    city.clock.forward(minutes=1)
    draft = entries.apply(city, AUTHOR, written(share_type=2, share_scope="全市", share_condition="业务协同"), "a")
    assert (draft.version, draft.published_version, draft.state) == (2, 1, 3)
    reviewed(city, number=2)
    lifecycle.submit(city, AUTHOR, "person")
    lifecycle.endorse(city, REVIEWER, "person")
    found = life.show_life(city, CHIEF, "person")
    assert found.stage == "publication" and found.entry.published_version == 1
    raised = next(change for change in found.changes if change["place"] == "share_type")
    assert (raised["compatible"], raised["before"], raised["after"]) == (False, "无条件共享", "有条件共享")
    assert found.notice_until == date(2026, 12, 4)
    moved = lifecycle.approve(city, CHIEF, "person")
    assert (moved.version, moved.code) == (2, "3070050400/000001")
    states = [version.state_name for version in life.show_life(city, AUTHOR, "person").versions]
    assert states == ["已发布", "已发布"]
    assert waiting.list_tasks(city, AUTHOR) == []


def test_who_took_part_does_not_review(city):
    """Author, submitter and first reviewer are refused, also with the roles of the next step."""
    everything = Actor("author", frozenset({"editor", "dept_reviewer", "data_admin"}), PROVIDER, "portal")
    entries.apply(city, everything, written(), "a")
    reviewed(city)
    lifecycle.submit(city, everything, "person")
    for act in (lifecycle.endorse, lifecycle.return_to_editor):
        with pytest.raises(Denied, match="本人") as caught:
            act(city, everything, "person", REASON)
        assert caught.value.code == "REVIEWER_IS_AUTHOR"
    both = Actor("both", frozenset({"dept_reviewer", "data_admin"}), PROVIDER, "portal")
    lifecycle.endorse(city, both, "person")
    for act in (lifecycle.approve, lifecycle.send_back, lifecycle.reject):
        with pytest.raises(Denied, match="本人"):
            act(city, both, "person", REASON)
    lifecycle.approve(city, CHIEF, "person")
    revocation.request_revoke(city, both, "person", "职能划出")
    with pytest.raises(Denied, match="本人"):
        revocation.approve_revoke(city, both, "person")


def test_another_account_of_the_same_person_does_not_review(city):
    """A second account of the author's, in the department or since a move to the authority, is the author's still."""
    with city.transaction() as connection:
        for login, name, code, active in (
            ("author", "张 三", PROVIDER, False), ("second", "张三", PROVIDER, True),
            ("chief", "张三", AUTHORITY, True),
            ("namesake", "李四", PROVIDER, True), ("far", "李四", AUTHORITY, True),
        ):  # fmt: skip
            facts = {"id": login, "login": login, "name": name, "department_code": code, "active": active}
            facts |= {"created_by": "t", "created_at": city.clock.now()}
            accounts.add(connection, facts, [])

    def of(login, role, name, code):
        """Makes the actor of an account."""
        return Actor(login, frozenset({role}), code, "portal", title=name, region="6204", account=login)

    entries.apply(city, AUTHOR, written(), "a")
    reviewed(city)
    lifecycle.submit(city, AUTHOR, "person")
    with pytest.raises(Denied, match="本人"):
        lifecycle.endorse(city, of("second", "dept_reviewer", "张三", PROVIDER), "person")
    lifecycle.endorse(city, of("namesake", "dept_reviewer", "李四", PROVIDER), "person")
    with pytest.raises(Denied, match="本人"):
        lifecycle.approve(city, of("chief", "data_admin", "张三", AUTHORITY), "person")
    lifecycle.approve(city, of("far", "data_admin", "李四", AUTHORITY), "person")


def test_another_department_and_another_region_are_denied(city):
    """Commands reach as far as the person does; nobody learns of another's draft."""
    entries.apply(city, AUTHOR, written(), "a")
    stranger = Actor("stranger", frozenset({"editor", "dept_reviewer"}), AUTHORITY, "portal")
    elsewhere = Actor("elsewhere", frozenset({"data_admin"}), AUTHORITY, "portal", region="6205")
    for command, actor in ((lifecycle.submit, stranger), (lifecycle.approve, elsewhere)):
        with pytest.raises(NotFound) as hidden:
            command(city, actor, "person")
        with pytest.raises(NotFound) as unknown:
            command(city, actor, "nobody")
        assert str(hidden.value).replace("person", "nobody") == str(unknown.value)
    with pytest.raises(Denied):
        entries.apply(city, stranger, written(share_scope="全市"), "a")
    with pytest.raises(Denied):
        entries.apply(city, stranger, written("other"), "a")
    with city.engine.connect() as connection:
        denied = "select count(*) from hub.audit_events where result = 'denied' and object_id = 'person'"
        assert connection.execute(text(denied)).scalar_one() >= 3
    for show in (life.show_life, lineage.show_lineage, entries.show_entry):
        with pytest.raises(NotFound) as caught:
            show(city, stranger, "person")
        assert "person" not in caught.value.allowed
    assert entries.list_entries(city, stranger) == []
    with pytest.raises(NotFound):
        lifecycle.submit(city, AUTHOR, "nothing")


def test_a_reason_is_asked_for(city):
    """Returning, rejecting, revoking and refusing to revoke have a reason; an opinion has its length."""
    published(city)
    with pytest.raises(InputError) as caught:
        revocation.request_revoke(city, AUTHOR, "person", "  ")
    assert caught.value.code == "REASON"
    with pytest.raises(InputError, match="1001"):
        revocation.request_revoke(city, AUTHOR, "person", "长" * 1001)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"share_type": 3}, "SHARE_BASIS_MISSING"),
        ({"share_type": 2, "share_condition": "业务协同"}, "LINT"),
        ({"share_type": 2, "share_scope": "全市", "share_condition": "须付费使用"}, "CONDITION_NOT_ALLOWED"),
        ({"share_type": 2, "share_scope": "全市", "share_condition": "仅供民政部门"}, "CONDITION_NOT_APPROVED"),
        ({"provider_name": "示例市民政局"}, "LINT"),
        ({"secret_flag": "1"}, "LINT"),
    ],
)
def test_a_submission_must_pass_lint_and_the_sharing_rules(city, changes, code):
    """R-07, R-25, R-26, L4 and L13 stop a submission with a code and a mend, and are shown beforehand."""
    entries.apply(city, AUTHOR, written(**changes), "a")
    reviewed(city)
    with pytest.raises(ContractError) as caught:
        lifecycle.submit(city, AUTHOR, "person")
    assert caught.value.code == code and caught.value.next_step
    shown = [check for check in life.show_life(city, AUTHOR, "person").checks if check.severity == "error"]
    assert shown and shown[0].next_step


@pytest.mark.parametrize("name", ["classification", "format_category", "share_mode", "is_open"])
def test_a_submission_states_every_element(city, name):
    """R-22: an entry that leaves an element of the directory out is not submitted."""
    document = yaml.safe_load(written())
    document["customProperties"] = [each for each in document["customProperties"] if each["property"] != name]
    entries.apply(city, AUTHOR, yaml.safe_dump(document, allow_unicode=True, sort_keys=False), "a")
    reviewed(city)
    with pytest.raises(ContractError, match="R-22"):
        lifecycle.submit(city, AUTHOR, "person")


def test_a_document_needs_no_items_but_a_grade(city):
    """Files without a table are published by themselves; a table without items is not, nor a file without a grade."""
    document = yaml.safe_load(written(share_mode="2", format_category="1"))
    document["schema"][0]["properties"] = []
    entries.apply(city, AUTHOR, yaml.safe_dump(document, allow_unicode=True, sort_keys=False), "a")
    reviewed(city)
    with pytest.raises(ContractError, match="数据分级"):
        lifecycle.submit(city, AUTHOR, "person")
    document["customProperties"].append({"property": "data_grade", "value": "S2"})
    entries.apply(city, AUTHOR, yaml.safe_dump(document, allow_unicode=True, sort_keys=False), "a")
    reviewed(city)
    lifecycle.submit(city, AUTHOR, "person")
    lifecycle.endorse(city, REVIEWER, "person")
    assert lifecycle.approve(city, CHIEF, "person").state == 3
    document["customProperties"] = yaml.safe_load(written("second"))["customProperties"]
    document |= {"id": "second", "name": "表格第二"}
    document["schema"][0]["name"] = "second"
    entries.apply(city, AUTHOR, yaml.safe_dump(document, allow_unicode=True, sort_keys=False), "a")
    reviewed(city, "second")
    with pytest.raises(ContractError, match="L7"):
        lifecycle.submit(city, AUTHOR, "second")


def test_a_condition_that_is_in_force_is_approved(city):
    """R-25: a condition that cites its basis passes, and once in force others may choose it."""
    basis = [{"title": "中华人民共和国居民身份证法", "article": "第六条"}]
    facts = {"share_type": 2, "share_scope": "全市", "share_condition": "仅供民政部门"}
    published(city, "first", **facts, legal_basis=basis)
    assert published(city, "second", **facts).state == 3


def test_only_the_lead_department_compiles_a_base_library(city):
    """R-06: a second department's entry of the same base library is refused; base items are shared unconditionally."""
    published(city, baseLibrary="population")
    other = replace(AUTHOR, department=AUTHORITY)
    mine = {"provider_code": AUTHORITY, "provider_name": "示例市大数据局"}
    for number, facts in enumerate(({"baseLibrary": "population"}, {"classification": ["101005", "307005"]})):
        dataset = f"second_{number}"
        entries.apply(city, other, written(dataset, **mine, **facts), "a")
        reviewed(city, dataset)
        with pytest.raises(ContractError, match="牵头部门"):
            lifecycle.submit(city, other, dataset)


def test_a_base_library_is_shared_but_for_what_is_of_business(city):
    """R-06: nothing of a base library is conditional by leaving unsaid what its base items are."""
    facts = {"share_type": 2, "share_scope": "全市", "share_condition": "业务协同", "classification": ["102001"]}
    entries.apply(city, AUTHOR, written(**facts), "a")
    reviewed(city)
    with pytest.raises(ContractError, match="应当无条件共享"):
        lifecycle.submit(city, AUTHOR, "person")
    document = yaml.safe_load(written(**facts))
    for item in document["schema"][0]["properties"]:
        item.setdefault("customProperties", []).append({"property": "itemKind", "value": "business"})
    entries.apply(city, AUTHOR, yaml.safe_dump(document, allow_unicode=True, sort_keys=False), "a")
    reviewed(city)
    assert lifecycle.submit(city, AUTHOR, "person").state == 1


def test_reviews_of_an_older_text_do_not_count(city):
    """A draft changed after its reviews is reviewed again."""
    entries.apply(city, AUTHOR, written(), "a")
    with pytest.raises(StateError, match="没有保密审查"):
        lifecycle.submit(city, AUTHOR, "person")
    reviewed(city)
    city.clock.forward(minutes=1)
    entries.apply(city, AUTHOR, written(share_scope="全市各部门"), "a")
    with pytest.raises(StateError, match="又有修改"):
        lifecycle.submit(city, AUTHOR, "person")
    reviewed(city)
    assert lifecycle.submit(city, AUTHOR, "person").state == 1


def test_each_step_makes_the_next_task_with_its_deadline(city):
    """Submission waits for the department 3 working days, then the authority 5, then the editor mends."""
    entries.apply(city, AUTHOR, written(), "a")
    reviewed(city)
    lifecycle.submit(city, AUTHOR, "person")
    [task] = waiting.list_tasks(city, REVIEWER)
    assert (task.kind, task.due_on) == ("entry_registration", date(2026, 11, 25))
    lifecycle.endorse(city, REVIEWER, "person")
    assert waiting.list_tasks(city, REVIEWER) == []
    city.clock.forward(days=10)
    [task] = waiting.list_tasks(city, CHIEF)
    assert (task.due_on, task.overdue, task.days_left) == (date(2026, 11, 27), True, -5)
    lifecycle.reject(city, CHIEF, "person", REASON)
    assert waiting.list_tasks(city, CHIEF) == []
    [task] = waiting.list_tasks(city, AUTHOR)
    assert task.kind == "entry_revise" and task.link == "/entries/person"


def test_history_is_chained_and_shows_a_change(city, admin):
    """Every step links to the one before; an edited opinion, a removed step or a moved one is found."""
    published(city)
    found = life.verify_history(city, AUTHOR, "person")
    assert (found.holds, found.steps) == (True, 4)
    opinions = [step.opinion for step in life.show_life(city, AUTHOR, "person").history]
    assert opinions[0] == "同意发布"
    tampered = (
        "update hub.entry_events set opinion = '不同意' where command = 'approve'",
        "delete from hub.entry_events where command = 'endorse'",
    )
    for place, statement in zip((4, 3), tampered, strict=True):
        with city.engine.begin() as connection:
            connection.execute(text("set local session_replication_role = replica"))
            connection.execute(text(statement))
        found = life.verify_history(city, admin, "person")
        assert (found.holds, found.broken) == (False, place)
    assert not life.show_life(city, AUTHOR, "person").chain_holds


def test_a_step_cut_off_the_end_is_missed(city):
    """A history that does not lead to the present state is not whole, though its chain has no gap."""
    published(city)
    with city.engine.begin() as connection:
        connection.execute(text("set local session_replication_role = replica"))
        connection.execute(text("delete from hub.entry_events where command = 'approve'"))
    found = life.verify_history(city, AUTHOR, "person")
    assert (found.holds, found.broken) == (False, 4)


def test_breaking_changes_and_revocation_wait_for_those_who_use_the_data(city, monkeypatch):
    """With consumers a breaking change waits for the notice, and a revocation says what was agreed with them."""
    published(city)
    city.clock.forward(minutes=1)
    entries.apply(city, AUTHOR, written(share_type=2, share_scope="全市", share_condition="业务协同"), "a")
    reviewed(city, number=2)
    lifecycle.submit(city, AUTHOR, "person")
    lifecycle.endorse(city, REVIEWER, "person")
    using = [lineage.Consumer(AUTHORITY, "示例市大数据局", date(2026, 11, 1))]
    for module in (lineage, revocation):
        monkeypatch.setattr(module, "consumers_of", lambda connection, dataset: using)
    with pytest.raises(StateError, match="大数据局") as caught:
        lifecycle.approve(city, CHIEF, "person")
    assert caught.value.code == "NOTICE_PERIOD" and "2026-12-04" in caught.value.allowed
    city.clock.forward(days=13)
    assert lifecycle.approve(city, CHIEF, "person").state == 3
    with pytest.raises(InputError) as caught:
        revocation.request_revoke(city, AUTHOR, "person", "职能划出")
    assert caught.value.code == "CONSUMERS_NOTICE"
    revocation.request_revoke(city, AUTHOR, "person", "职能划出", "已与大数据局商定改用新条目")
    assert "商定改用" in life.show_life(city, CHIEF, "person").history[0].opinion


def test_a_revoked_entry_keeps_its_code_and_a_deleted_one_is_gone(city, settings):
    """Revoking stops the schedule and retires the code; deleting takes an entry out of every list."""
    published(city)
    revocation.request_revoke(city, AUTHOR, "person", "职能划出")
    assert revocation.reject_revoke(city, CHIEF, "person", "仍有需要").state_name == "撤销已驳回"
    assert revocation.resume(city, AUTHOR, "person").state == 3
    revocation.request_revoke(city, AUTHOR, "person", "职能划出")
    moved = revocation.approve_revoke(city, CHIEF, "person", "同意")
    assert (moved.state, moved.code) == (6, "3070050400/000001")
    with pytest.raises(StateError):
        entries.apply(city, AUTHOR, written(share_scope="全市"), "a")
    assert published(city, "second").code == "3070050400/000002"
    entries.apply(city, AUTHOR, written("third"), "a")
    assert lifecycle.delete(city, AUTHOR, "third").state_name == "已删除"
    assert "third" not in {each.dataset for each in entries.list_entries(city, AUTHOR)}


def test_an_abandoned_change_leaves_the_entry_and_its_number(city):
    """Giving up a change shows the version in force again; the next change has a number of its own."""
    published(city)
    entries.apply(city, AUTHOR, written(share_scope="全市各部门"), "a")
    lifecycle.abandon(city, AUTHOR, "person")
    shown = entries.show_entry(city, AUTHOR, "person")
    assert (shown.version, shown.state) == (1, 3)
    assert entries.apply(city, AUTHOR, written(share_scope="本市"), "a").version == 3


def test_lineage_says_where_rows_come_from(city, admin, tmp_path):
    """Its own people see the place of the source, others its kind; no data version before the first sync."""
    path = tmp_path / "people.csv"
    entries.apply(city, admin, contract(server=csv_server(path)), "a", publish=True)
    inside = lineage.show_lineage(city, AUTHOR, "person")
    outside = lineage.show_lineage(city, Actor("x", frozenset({"analyst"}), AUTHORITY, "portal"), "person")
    assert (inside.source.place, outside.source.place, outside.source.mode) == (str(path), None, "全量")
    assert (inside.current_version, inside.consumers) == (0, ())
    with city.transaction() as connection:
        datasets.ensure(connection, "person", city.clock.now())
    assert lineage.show_lineage(city, AUTHOR, "person").rows == 0


def test_a_version_brings_no_new_source_into_force(city, admin, tmp_path):
    """A version with servers passes the entry's reviews; what they read waits for the attachment's own review."""

    def take(name):
        document = yaml.safe_load(contract(server=csv_server(tmp_path / name)))
        if name != "a.csv":
            document["version"] = "1.1.0"
        number = entries.apply(city, admin, yaml.safe_dump(document, allow_unicode=True), "a").version
        reviewed(city, "person", number)
        lifecycle.submit(city, AUTHOR, "person")
        lifecycle.endorse(city, REVIEWER, "person")
        lifecycle.approve(city, CHIEF, "person", "同意发布")
        with city.transaction() as connection:
            return attachments.waiting(connection)

    assert take("a.csv") == {"person"}
    with city.transaction() as connection:
        attachments.change(connection, "person", state="published")
    assert take("b.csv") == {"person"}
    with pytest.raises(StateError):
        sync.run(city, admin, "person")
