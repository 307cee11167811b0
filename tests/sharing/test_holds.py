"""What keeps grants from binding, and what binds without one: freezes, recalls, emergency openings; use and drift."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from catalog.stores import accounts
from exchange.sharing import drift, emergency, freezes, grants, recalls, usage
from exchange.tasks import list_tasks
from schemas.errors import Denied, HubError, InputError, NotFound, StateError
from tests.exchange.conftest import ADMIN
from tests.exchange.small_city import PROVIDER
from tests.sharing.conftest import (
    ANALYST,
    CHIEF,
    CONSUMER,
    EDITOR,
    GUARD,
    HEAD,
    OTHER,
    STRANGER,
    granted,
    person,
    sent,
    terms,
)


def binding(hub, dataset="wage", **more):
    """Lists what binds now."""
    with hub.transaction() as connection:
        return grants.in_force(connection, CONSUMER, dataset, hub.clock.now(), **more)


def serve(hub, dataset="wage", version=2):
    """Makes a dataset served."""
    with hub.transaction() as connection:
        connection.execute(
            text("insert into hub.datasets (dataset, current_version, updated_at) values (:d, :v, now())"
                 " on conflict (dataset) do update set current_version = :v"),
            {"d": dataset, "v": version},
        )  # fmt: skip


@pytest.mark.parametrize(("kind", "target"), [("department", CONSUMER), ("dataset", "wage"), ("account", "asker")])
def test_a_freeze_binds_at_once_and_is_lifted_with_a_reason(city, kind, target):
    """While a department, dataset or account is frozen no grant of theirs is in force; nothing else is touched."""
    with city.transaction() as connection:
        facts = {"id": "id-asker", "login": "asker", "name": "问", "department_code": CONSUMER}
        accounts.add(connection, facts | {"created_by": "t", "created_at": city.clock.now()}, [])
    granted(city)
    assert len(binding(city, account="id-asker")) == 1
    with pytest.raises(InputError):
        freezes.freeze(city, GUARD, kind, target, " ")
    frozen = freezes.freeze(city, GUARD, kind, target, "疑似批量查询")
    assert binding(city, account="id-asker") == []
    assert len(binding(city, account="id-other")) == (1 if kind == "account" else 0)
    with pytest.raises(StateError):
        freezes.freeze(city, CHIEF, kind, target, "再次冻结")
    assert [each.id for each in freezes.list_freezes(city, CHIEF, open_only=True)] == [frozen.id]
    freezes.lift(city, CHIEF, frozen.id, "已经查清")
    with pytest.raises(StateError):
        freezes.lift(city, CHIEF, frozen.id, "已经查清")
    assert len(binding(city, account="id-asker")) == 1
    assert freezes.list_freezes(city, CHIEF, open_only=True) == []


def test_freezing_the_provider_department_does_not_stop_what_it_provides(city):
    """A department is frozen as one that uses data."""
    granted(city)
    freezes.freeze(city, GUARD, "department", PROVIDER, "疑似批量查询")
    assert len(binding(city)) == 1


def test_what_is_not_there_or_elsewhere_is_not_frozen(city):
    """One answer for a target that is unknown or out of reach; others may not freeze."""
    far = person("far", "security_admin", OTHER)
    far = type(far)(**{f: getattr(far, f) for f in far.__slots__} | {"region": "6205"})
    for actor, target in ((GUARD, "nothing"), (far, "wage")):
        with pytest.raises(NotFound):
            freezes.freeze(city, actor, "dataset", target, "疑似批量查询")
    with pytest.raises(Denied):
        freezes.freeze(city, HEAD, "dataset", "wage", "疑似批量查询")


def test_a_recall_stops_the_batch_and_waits_for_every_consumer(city):
    """While the recalled version is the current one nothing is read; each consumer acknowledges."""
    serve(city)
    granted(city)
    assert len(binding(city)) == 1
    with pytest.raises(InputError):
        recalls.raise_recall(city, CHIEF, "wage", 3, "数据有误")
    with pytest.raises(Denied):
        recalls.raise_recall(city, STRANGER, "wage", 2, "数据有误")
    raised = recalls.raise_recall(city, HEAD, "wage", 2, "提供部门报送的数据有误")
    assert binding(city) == [] and raised.open_notices == 1
    asker = person("office", "editor", CONSUMER)
    assert any("数据召回" in task.title for task in list_tasks(city, asker))
    with pytest.raises(NotFound):
        recalls.acknowledge(city, STRANGER, raised.id)
    assert recalls.list_recalls(city, STRANGER) == []
    assert recalls.acknowledge(city, asker, raised.id, "已停用").open_notices == 0
    assert not any("数据召回" in task.title for task in list_tasks(city, asker))
    assert binding(city) == []
    serve(city, version=3)
    assert len(binding(city)) == 1  # a new batch is not the recalled one
    serve(city, version=2)
    recalls.lift(city, CHIEF, raised.id)
    assert len(binding(city)) == 1


def test_an_emergency_opening_takes_two_persons_and_ends_by_itself(city):
    """Asked by one, confirmed by another, for hours, with a reason; the report of the day shows it."""

    def opened(name="chief"):
        with city.transaction() as connection:
            return grants.emergency(connection, replace(CHIEF, name=name), "wage", city.clock.now())

    with pytest.raises(InputError):
        emergency.open_emergency(city, CHIEF, "wage", "急", 2)
    with pytest.raises(InputError):
        emergency.open_emergency(city, CHIEF, "wage", "地震应急救援需核对失联人员", 9)
    asked = emergency.open_emergency(city, CHIEF, "wage", "地震应急救援需核对失联人员", 3)
    assert opened() is None and asked.state_name == "待确认"
    assert any("应急查询" in task.title for task in list_tasks(city, GUARD))
    with pytest.raises(Denied):
        emergency.confirm(city, CHIEF, asked.number)
    with pytest.raises(Denied, match="本人"):
        emergency.confirm(city, person("chief", "security_admin", CONSUMER), asked.number)
    emergency.confirm(city, GUARD, asked.number)
    grant = opened()
    assert grant and set(grant.readable()) == {"citizen_id", "name", "sex_code", "birth_date"}
    assert opened("asker") is None
    for kind, target in (("dataset", "wage"), ("department", CHIEF.department)):
        frozen = freezes.freeze(city, GUARD, kind, target, "疑似批量查询")
        assert opened() is None, kind  # what is frozen after the confirmation is open no more
        freezes.lift(city, CHIEF, frozen.id, "已经查清")
    assert opened()
    with pytest.raises(StateError):
        emergency.confirm(city, GUARD, asked.number)
    today = city.clock.now().date()
    assert [each.number for each in emergency.report(city, GUARD, today)] == [asked.number]
    city.clock.forward(hours=3)
    assert opened() is None
    city.clock.forward(days=1)
    assert emergency.report(city, GUARD, city.clock.now().date()) == []
    second = emergency.open_emergency(city, CHIEF, "wage", "地震应急救援需核对失联人员", 3)
    emergency.confirm(city, GUARD, second.number)
    emergency.close(city, GUARD, second.number)
    assert opened() is None


def test_a_refusal_names_the_code_only_of_what_may_be_found(city):
    """Of a published entry the code to apply for; of anything else the one answer for what is not there."""
    with city.transaction() as connection:
        seen = grants.no_grant(connection, ANALYST, "wage")
        code = connection.execute(text("select code from hub.entries where dataset = 'wage'")).scalar_one()
        connection.execute(text("update hub.entries set state = 0 where dataset = 'person'"))
        hidden = grants.no_grant(connection, ANALYST, "person")
        unknown = grants.no_grant(connection, ANALYST, "nobody")
    assert (type(seen), seen.code) == (Denied, "GRANT_NONE") and code in str(seen)
    assert isinstance(hidden, HubError) and hidden.code == unknown.code == "DATASET_UNKNOWN"
    assert str(hidden).replace("person", "nobody") == str(unknown)


def test_an_entry_that_is_revoked_has_no_grant(city):
    """Its grants bind no more from that moment, and end with the next daily run."""
    from exchange import entries  # noqa: PLC0415
    from exchange.sharing.daily import run_daily  # noqa: PLC0415

    granted(city)
    entries.revoke(city, ADMIN, "wage", "职能划出")
    assert binding(city) == []
    assert run_daily(city, ADMIN).expired == 1
    assert grants.list_grants(city, HEAD)[0].state == "revoked"


def test_use_is_counted_by_month_for_both_sides(city):
    """Calls, keys and rows by dataset, consumer, month and way; a grant unused for 90 days is listed to both sides."""
    number = granted(city).grant
    with city.transaction() as connection:
        uses = [usage.Use(number, "lookup", keys=1, rows=1)] * 20 + [usage.Use(number, "query", rows=300)]
        usage.count_uses(connection, city, uses)
        assert usage.keys_today(connection, city, number) == 20
    for actor in (ANALYST, HEAD, CHIEF):
        found = usage.usage(city, actor)
        assert [(u.month, u.way_name, u.calls, u.keys, u.rows) for u in found] == [
            ("2026-11", "调用", 20, 20, 20), ("2026-11", "在线查询", 1, 0, 300)
        ]  # fmt: skip
    assert usage.usage(city, STRANGER) == [] and usage.unused(city, HEAD) == []
    city.clock.forward(days=90)
    with city.transaction() as connection:
        assert usage.keys_today(connection, city, number) == 0
    for actor in (ANALYST, HEAD):
        assert [(u.grant.number, u.days) for u in usage.unused(city, actor)] == [(number, 90)]
    assert usage.unused(city, STRANGER) == []


TAMPERINGS = {
    "ITEMS": "update hub.grants set terms = jsonb_set(terms, '{items,0,state}', '\"masked\"')",
    "WAYS": "update hub.grants set terms = jsonb_set(terms, '{ways}', '[\"lookup\", \"query\"]')",
    "PERIOD": "update hub.grants set valid_until = valid_until + interval '1 day'",
    "CONSUMER": f"update hub.grants set consumer = '{OTHER}'",
    "STAGE": "update hub.share_requests set stage = 'refused'",
    "HISTORY": "update hub.share_request_events set opinion = 'x' where command = 'approve'",
    "DECISION": "delete from hub.share_request_events where command = 'approve'",
    "GRANT_MISSING": "update hub.grants set state = 'revoked'",
}


@pytest.mark.parametrize("code", TAMPERINGS)
def test_the_report_finds_every_drift(city, code):
    """Whatever is changed on either side past the use-cases, the report names the grant and the difference."""
    granted(city, asked=terms())
    sent(city)
    report = drift.drift_report(city, ADMIN)
    assert (report.grants, report.requests, report.drifts) == (1, 1, [])
    with city.transaction() as connection:
        connection.execute(text(TAMPERINGS[code]))
    found = drift.drift_report(city, ADMIN).drifts
    assert code in {each.code for each in found}, found


def test_in_force_is_one_indexed_query(city):
    """The plan reads grants by their index, whatever else the table holds."""
    granted(city)
    with city.transaction() as connection:
        connection.execute(text("set local enable_seqscan = off"))
        plan = connection.execute(
            text("explain select * from hub.grants where consumer = 'x' and dataset = 'y' and state = 'active'"
                 " and valid_until > now()")
        ).scalars().all()  # fmt: skip
    assert any("ix_grants_in_force" in line for line in plan)
    assert EDITOR.department == PROVIDER
