"""Calls of an interface under a grant: what leaves, what is refused, what the log holds; a provider that misbehaves."""

import json
import logging
from dataclasses import replace

import pytest
from sqlalchemy import text

from exchange.interfaces import attaching, calling, sending, testing
from exchange.keyed.why import MachineActor, Why
from exchange.sharing import freezes
from schemas.errors import Busy, Denied, HubError, IdentifierError, InputError, SchemaDrift, SourceDown, StateError
from schemas.grants import Predicate, Quota, RowFilter
from schemas.openapi.operations import Parameter
from tests.exchange.conftest import ADMIN
from tests.exchange.small_city import citizen_id
from tests.interfaces.conftest import ASKER, DATASET, EDITOR, STATES, grant
from tests.interfaces.provider import SECRET, answer, dripping, elsewhere, huge, raw, row
from tests.sharing.conftest import GUARD, OTHER, person

KEY = citizen_id(3)


def ask(hub, key=KEY, purpose="basis", matter="BJ-2026-0001", actor=ASKER, **more):
    """Calls the interface as a window does."""
    return calling.call(hub, actor, DATASET, {"citizen_id": key}, Why(purpose, case_no=matter, **more))


def events(hub):
    """Lists the events of calls, newest first."""
    with hub.transaction() as connection:
        rows = connection.execute(
            text("select * from hub.audit_events where detail->>'use_case' = 'interface.call' order by seq desc")
        )
        return [row._asdict() for row in rows]


def test_granted_items_leave_and_no_other(open_city, provider):
    """The answer has the granted items, masked where masked; ungranted and condition-only ones stay."""
    found = ask(open_city)
    assert found.rows == ({"name": "卡*瑞", "sex_code": row(KEY)["xb"], "birth_date": found.rows[0]["birth_date"]},)
    assert found.rows[0]["birth_date"].isoformat() == row(KEY)["birth"]["day"]
    assert next((item.name, item.masked) for item in found.items) == ("name", True)
    assert provider.seen[-1][0] == KEY


def test_the_event_is_there_before_the_answer_with_hashes_alone(open_city):
    """The log has grant, purpose, matter and the keyed hash; neither key nor value nor secret is in the database."""
    ask(open_city)
    event = events(open_city)[0]
    assert (event["result"], event["purpose_code"], event["case_no"], event["row_count"]) == (
        "success", "basis", "BJ-2026-0001", 1,
    )  # fmt: skip
    assert event["grant_id"] and len(event["subject_key_hashes"]) == 1
    expected = open_city.crypto.keys().lookup_hashes([f"111:{KEY}".encode()])[0].hex()
    assert event["subject_key_hashes"] == [expected]
    with open_city.transaction() as connection:
        for table in ("audit_events", "interfaces", "interface_calls", "tasks", "interface_leases"):
            dump = str(connection.execute(text(f"select t::text from hub.{table} t")).all())
            for word in (KEY, "卡那瑞", SECRET, citizen_id(7)):
                assert word not in dump, (table, word)


def test_no_secret_or_value_in_logs_or_views(open_city, provider, caplog):
    """At the most talkative level no log line, view or error holds a secret, a key or a value."""
    caplog.set_level(logging.DEBUG)
    ask(open_city)
    provider.behave = lambda key: raw(f"<html>{key} 卡那瑞</html>", "text/html")
    with pytest.raises(HubError) as failed:
        ask(open_city)
    view = attaching.show(open_city, EDITOR, DATASET)
    said = caplog.text + str(failed.value) + repr(failed.value.__context__) + repr(view)
    for word in (KEY, "卡那瑞", SECRET, citizen_id(7)):
        assert word not in said, word


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"actor": person("x", "window", OTHER)}, "GRANT_NONE"),
        ({"purpose": "collaboration"}, "GRANT_PURPOSE"),
        ({"matter": ""}, "WHY_CASE"),
        ({"matter": citizen_id(1)}, "WHY_FORM"),
        ({"key": KEY[:-1] + ("0" if KEY[-1] != "0" else "1")}, "ID_CHECK"),
        ({"key": ""}, "INTERFACE_KEY"),
        ({"key": "../../admin"}, None),
    ],
)
def test_refusals_are_logged_and_reach_nobody(open_city, provider, change, code):
    """Without grant, purpose, matter or a valid key nothing is sent, and the denial is in the log."""
    with pytest.raises((Denied, InputError)) as refused:
        ask(open_city, **change)
    assert code is None or refused.value.code == code
    event = events(open_city)[0]
    assert (event["result"], event["error_code"]) == ("denied", refused.value.code)
    assert provider.seen == []
    assert KEY[:17] not in str(refused.value)


MACHINE = MachineActor("窗口系统", frozenset({"window"}), department=ASKER.department, ways=frozenset({"interface"}))
DESK = {"handler": "王经办", "window": "3号窗口", "request_id": "REQ-00000001"}


def test_a_machine_names_its_desk_and_numbers_its_calls(open_city, provider):
    """A client calls as by key: way, person at the desk, number of the call; a number stands for one call."""
    other_way = replace(MACHINE, ways=frozenset({"verify"}))
    for code, actor, said in (
        ("CLIENT_WAY", other_way, DESK),
        ("WHY_HANDLER", MACHINE, DESK | {"window": ""}),
        ("REQUEST_ID", MACHINE, DESK | {"request_id": ""}),
    ):
        with pytest.raises((Denied, InputError)) as refused:
            ask(open_city, actor=actor, **said)
        assert refused.value.code == code and events(open_city)[0]["error_code"] == code
    assert provider.seen == []
    assert ask(open_city, actor=MACHINE, **DESK).rows
    detail = events(open_city)[0]["detail"]
    assert (detail["client"], detail["handler"], detail["request_id"]) == ("窗口系统", "王经办", "REQ-00000001")
    with pytest.raises(StateError, match="REQUEST_REPLAYED"):
        ask(open_city, actor=MACHINE, **DESK)
    assert len(provider.seen) == 1 and events(open_city)[0]["error_code"] == "REQUEST_REPLAYED"


def test_an_intake_number_stands_for_a_case_for_a_while(open_city, provider):
    """Before acceptance a call names an intake number; one that nobody bound in time gives nothing more."""
    assert ask(open_city, matter="", intake_no="YS-0001").rows
    event = events(open_city)[0]
    assert event["case_no"] is None and event["detail"]["intake_no"] == "YS-0001"
    open_city.clock.forward(days=16)
    with pytest.raises(Denied, match="INTAKE_EXPIRED"):
        ask(open_city, matter="", intake_no="YS-0001")
    assert len(provider.seen) == 1


def test_ways_quota_and_freeze_bind(city, provider):
    """A grant of another way, an exhausted quota and a frozen department give nothing."""
    grant(city, ways=("lookup",))
    with pytest.raises(Denied, match="接口方式"):
        ask(city)
    grant(city, quota=Quota(keys_a_day=2))
    ask(city)
    ask(city)
    with pytest.raises(Denied) as over:
        ask(city)
    assert over.value.code == "GRANT_QUOTA"
    freezes.freeze(city, GUARD, "department", ASKER.department, "异常访问，暂停使用")
    with pytest.raises(Denied):
        ask(city)
    assert len(provider.seen) == 2


def test_what_is_revoked_meanwhile_does_not_leave(open_city, provider):
    """A freeze while the provider answers keeps the answer from leaving; the log says denied."""

    def freezing(key):
        freezes.freeze(open_city, GUARD, "department", ASKER.department, "异常访问，暂停使用")
        return answer(row(key))

    provider.behave = freezing
    with pytest.raises(Denied):
        ask(open_city)
    assert events(open_city)[0]["result"] == "denied"


def test_rows_outside_the_grant_and_of_others_stay(city, provider):
    """The row filter holds on what the provider returns, and rows of another key are dropped."""
    grant(city, states=STATES | {"area_code": "plain"},
          rows=RowFilter("area_code", ("620402",), (Predicate("sex_code", "=", (row(KEY)["xb"],)),)))  # fmt: skip
    others = row(citizen_id(4))
    provider.behave = lambda key: answer(
        row(key), row(key, xzqh="620403"), others, row(key, xzqh=None), row(key, gmsfhm=None)
    )
    found = ask(city)
    assert [each["area_code"] for each in found.rows] == ["620402"]
    with city.transaction() as connection:
        faults = connection.execute(text("select faults from hub.interface_calls order by id desc limit 1")).scalar()
    assert faults["INTERFACE_OTHER_KEY"] == 2


def test_faulty_values_are_withheld_with_a_finding(open_city, provider):
    """A value that is not of its item's type is null in the answer, with a finding that names the item."""
    provider.behave = lambda key: answer(row(key, xb="男人", birth={"day": "2020-02-31"}), row(key, xm=17))
    found = ask(open_city)
    assert found.rows[0]["sex_code"] is None and found.rows[0]["birth_date"] is None
    assert found.rows[1]["name"] is None
    assert {finding.item for finding in found.findings} == {"sex_code", "birth_date", "name"}
    assert all("男人" not in finding.says for finding in found.findings)


@pytest.mark.parametrize("behave", [
    elsewhere,
    huge,
    lambda key: raw("<html>login</html>", "text/html"),
    lambda key: raw("{"),
    lambda key: raw('{"data": {"rows": [{"gmsfhm": NaN}]}}'),
    lambda key: raw('{"data": {"rows": []}, "data": {"rows": []}}'),
    lambda key: raw("[" * 100_000 + "]" * 100_000),
    lambda key: raw('{"data": ' + '{"a": ' * 80 + "1" + "}" * 81),
    lambda key: raw("1" * 5000),
    lambda key: raw(b"\xff\xfe\x00"),
    lambda key: raw("", status=500),
    lambda key: raw("", status=403),
    lambda key: raw(b"\x1f\x8b", **{"content-encoding": "gzip"}),
    lambda key: ["not", "an", "object"],
    lambda key: {"data": {"rows": [1, 2]}},
    lambda key: {"data": {"rows": [row(key)] * 501}},
])  # fmt: skip
def test_a_misbehaving_provider_is_a_clear_error(open_city, provider, behave):
    """Redirect, HTML, 100 MB, broken or deep JSON, NaN, wrong shapes: an error with a code, a failure in the log."""
    provider.behave = behave
    with pytest.raises(HubError) as failed:
        ask(open_city)
    assert failed.value.code.startswith("INTERFACE_") and KEY not in str(failed.value)
    assert events(open_city)[0]["result"] == "failure"
    assert len(provider.seen) <= 2


def test_a_dripping_provider_ends_at_the_deadline(open_city, provider):
    """One byte at a time does not keep a call open past its time limit."""
    attaching.limit(open_city, EDITOR, DATASET, {"seconds": 1})
    provider.behave = dripping
    with pytest.raises(SourceDown) as late:
        ask(open_city)
    assert late.value.code == "INTERFACE_TIMEOUT"


def test_nothing_found_is_an_answer(open_city, provider):
    """A documented 404, an empty list and null are no rows; none of them counts against the interface."""
    for behave in (lambda key: raw("", status=404), lambda key: answer(), lambda key: {"data": {"rows": None}}):
        provider.behave = behave
        assert ask(open_city).rows == ()
    assert attaching.show(open_city, EDITOR, DATASET).failures == 0


def test_failures_suspend_and_a_probe_brings_it_back(open_city, provider):
    """Five failures suspend it with why, since when and until when; one probe is let through, its success resumes."""
    provider.behave = lambda key: raw("", status=500)
    for _ in range(5):
        with pytest.raises(SourceDown):
            ask(open_city)
    calls = len(provider.seen)
    with pytest.raises(SourceDown, match=r"接口暂停：.*500.*自 2026-11-23.*后再试") as shut:
        ask(open_city)
    assert shut.value.code == "INTERFACE_SUSPENDED" and len(provider.seen) == calls
    assert open_tasks(open_city) == 1
    open_city.clock.forward(seconds=31)
    with pytest.raises(SourceDown, match="500"):
        ask(open_city)
    with pytest.raises(SourceDown, match="接口暂停"):
        ask(open_city)
    open_city.clock.forward(seconds=61)
    provider.behave = lambda key: answer(row(key))
    assert len(ask(open_city).rows) == 1
    assert attaching.show(open_city, EDITOR, DATASET).suspended_at is None
    assert open_tasks(open_city) == 0


def test_what_its_provider_stopped_no_failing_test_reopens(open_city, provider):
    """While the provider's own reason stands, a test that fails leaves it as it is and no probe goes out."""
    testing.suspend(open_city, EDITOR, DATASET, "系统检修，暂停三天")
    provider.behave = lambda key: raw("", status=500)
    testing.run_test(open_city, EDITOR, DATASET)
    open_city.clock.forward(minutes=5)
    calls = len(provider.seen)
    with pytest.raises(SourceDown, match="系统检修"):
        ask(open_city)
    assert len(provider.seen) == calls


def test_a_day_of_a_grant_is_one_account(city, provider):
    """Calls of interfaces and calls by key take from the same keys of the day."""
    grant(city, quota=Quota(keys_a_day=2))
    ask(city)
    with city.transaction() as connection:
        connection.execute(text("update hub.key_days set keys = keys + 1"))  # as a look-up does
    with pytest.raises(Denied, match="GRANT_QUOTA"):
        ask(city)
    assert len(provider.seen) == 1


def open_tasks(hub):
    """Counts the open tasks about a suspension."""
    with hub.transaction() as connection:
        query = "select count(*) from hub.tasks where kind = 'interface_suspended' and state = 'open'"
        return connection.execute(text(query)).scalar()


def test_drift_suspends_and_names_the_field(open_city, provider):
    """A missing mapped field suspends; only a passing test brings the interface back; extra fields are a notice."""
    provider.behave = lambda key: answer({k: v for k, v in row(key).items() if k != "xm"})
    with pytest.raises(SchemaDrift, match="xm"):
        ask(open_city)
    open_city.clock.forward(days=1)
    with pytest.raises(SourceDown, match=r"接口暂停：.*xm"):
        ask(open_city)
    with pytest.raises(HubError, match="xm"):
        testing.resume(open_city, EDITOR, DATASET)
    provider.behave = lambda key: answer(row(key, extra=1))
    view = testing.resume(open_city, EDITOR, DATASET)
    assert view.suspended_at is None
    assert [each["code"] for each in view.test["findings"]] == ["INTERFACE_EXTRA"]
    assert len(ask(open_city).rows) == 1


def test_scheduled_tests_find_a_changed_type(open_city, provider):
    """A test that is due finds a type change before a caller does, and suspends."""
    assert testing.test_due(open_city, ADMIN).tested == 0
    open_city.clock.forward(hours=25)
    provider.behave = lambda key: answer(row(key, xb=1))
    assert testing.test_due(open_city, ADMIN).failed == (DATASET,)
    with pytest.raises(SourceDown, match="xb"):
        ask(open_city)


def test_rates_and_places_are_bounded(open_city):
    """More calls a minute than set are refused until the next; so are more at once."""
    attaching.limit(open_city, EDITOR, DATASET, {"consumer_per_minute": 2})
    ask(open_city)
    ask(open_city)
    with pytest.raises(Busy, match="本部门"):
        ask(open_city)
    open_city.clock.forward(minutes=1)
    attaching.limit(open_city, EDITOR, DATASET, {"concurrent": 1})
    with open_city.transaction() as connection:
        connection.execute(text("insert into hub.interface_leases (dataset, until) values ('pension', '2027-01-01')"))
    with pytest.raises(Busy, match="已满"):
        ask(open_city)


def test_a_grant_whose_rows_cannot_be_checked_gives_nothing(city, provider):
    """When the row filter hangs on an item that the interface does not give, nothing is asked."""
    grant(city, rows=RowFilter("area_code", ("6204",), (Predicate("birth_date", ">", ("1960-01-01",)),)))
    ask(city)
    mapping = json.loads(json.dumps(attaching.show(city, EDITOR, DATASET).mapping))
    mapping["fields"] = [each for each in mapping["fields"] if each["item"] != "birth_date"]
    with city.transaction() as connection:
        connection.execute(text("update hub.interfaces set mapping = cast(:m as jsonb)"), {"m": json.dumps(mapping)})
    provider.seen.clear()
    with pytest.raises(StateError) as refused:
        ask(city)
    assert refused.value.code == "INTERFACE_ROW_SCOPE" and provider.seen == []


def test_a_wrong_key_names_no_value(open_city):
    """An identifier that fails its check is refused in words that do not repeat it."""
    with pytest.raises(IdentifierError) as refused:
        ask(open_city, key="620402196001019999")
    assert "620402" not in str(refused.value)


@pytest.mark.parametrize(("text_", "sent"), [("-5", -5), ("--5", "--5"), ("²", "²"), ("true", "true")])
def test_a_body_s_integer_is_one_or_a_text(text_, sent):
    """What is no integer goes as it is: the provider says so, and no place among the calls is lost."""
    assert sending._typed(Parameter("n", "body", required=True, types=frozenset({"integer"})), text_) == sent
