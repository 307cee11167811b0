"""The life of a request: by rule, through the checks, refused, returned, extended, disputed, ended."""

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import event, text

from catalog.stores import share_requests as store
from exchange.sharing import decisions, disputes, drift, grants, requests, views
from exchange.sharing.daily import run_daily
from exchange.tasks import list_tasks
from schemas.errors import Denied, InputError, NotFound, StateError
from schemas.grants import GrantedItem, Quota
from tests.sharing.conftest import (
    ADMIN,
    ANALYST,
    CHIEF,
    CONSUMER,
    EDITOR,
    HEAD,
    NOTICE,
    OWN_REVIEWER,
    REASON,
    STRANGER,
    content,
    granted,
    monday,
    sent,
    terms,
    written,
)


def stored(hub, number):
    """Reads a request."""
    with hub.transaction() as connection:
        return store.find(connection, number)


def binding(hub, dataset="wage", **more):
    """Lists what binds now."""
    with hub.transaction() as connection:
        return grants.in_force(connection, CONSUMER, dataset, hub.clock.now(), **more)


def test_type_one_look_up_is_granted_by_rule_and_the_provider_is_told(city):
    """A look-up without plain personal items is granted with the department's own review, and no other step."""
    moved = sent(city, "person")
    assert moved.stage == "supply" and moved.grant
    found = binding(city, "person")
    assert [(g.number, g.ways, g.readable()) for g in found] == [(moved.grant, ("lookup",), ("sex_code",))]
    assert any("告知提供部门" in task.title for task in list_tasks(city, EDITOR))
    assert drift.drift_report(city, ADMIN).drifts == []


@pytest.mark.parametrize(
    "asked",
    [
        terms(ways=("query",)),
        terms(ways=("lookup", "file")),
        terms(ways=("reuse",)),
        terms(states={"birth_date": "plain"}),
        terms(states={"citizen_id": "plain"}),
    ],
)
def test_type_one_in_bulk_or_with_plain_personal_items_is_checked_within_a_day(city, asked):
    """Bulk ways and plaintext S3-S4 wait one working day for the authority, who may confirm or refuse."""
    moved = sent(city, "person", asked)
    assert (moved.stage, moved.due_on) == ("necessity", date(2026, 11, 24))
    assert binding(city, "person") == []
    assert decisions.confirm(city, CHIEF, moved.number).grant
    assert len(binding(city, "person")) == 1


def test_verifying_a_plain_number_needs_no_check(city):
    """No value leaves by verifying, so that the state of an item doesn't matter."""
    assert sent(city, "person", terms(states={"citizen_id": "plain"}, ways=("verify",))).stage == "supply"


def test_type_two_goes_through_authority_and_provider(city):
    """Two working days for the check, ten for the provider, twenty to supply; the grant comes with the approval."""
    moved = sent(city)
    assert (moved.stage, moved.due_on) == ("compliance", date(2026, 11, 25))
    moved = decisions.pass_on(city, CHIEF, moved.number)
    assert (moved.stage, moved.due_on) == ("provider_final", date(2026, 12, 7))
    assert binding(city) == []
    moved = decisions.approve(city, HEAD, moved.number)
    assert (moved.stage, moved.due_on) == ("supply", date(2026, 12, 21))
    grant = binding(city)[0]
    assert (grant.number, grant.request) == (moved.grant, moved.number)
    assert grant.valid_from == city.clock.now() and grant.valid_until.isoformat().startswith("2027-11-22T16:00")
    assert decisions.supply(city, EDITOR, moved.number).stage == "active"
    assert stored(city, moved.number).due_on is None


def test_a_provider_may_review_in_two_steps_of_two_persons(city):
    """The first step recommends, the second decides; the days of both are one clock."""
    decisions.set_review_steps(city, HEAD, 2)
    number = sent(city).number
    first = decisions.pass_on(city, CHIEF, number)
    assert first.stage == "provider_first"
    city.clock.forward(days=1)
    second = decisions.recommend(city, EDITOR, number)
    assert (second.stage, second.due_on) == ("provider_final", first.due_on)
    both = replace(HEAD, name=EDITOR.name)
    with pytest.raises(Denied, match="本人"):
        decisions.approve(city, both, number)
    assert decisions.approve(city, HEAD, number).grant


def test_an_item_of_a_stricter_type_decides(city):
    """Effective type is the stricter of entry and item: a type 1 entry's item of type 2 goes to its provider."""
    from exchange import entries  # noqa: PLC0415

    text_ = written("mixed", types=[("birth_date", 2)], share_scope="全市", share_condition="业务协同")
    entries.apply(city, ADMIN, text_, "c", publish=True)
    assert sent(city, "mixed").stage == "supply"
    assert sent(city, "mixed", terms(states={"birth_date": "masked"})).stage == "compliance"


def test_who_asked_decides_nothing(city):
    """Author, own reviewer and deciders are different persons."""
    number = requests.draft(city, ANALYST, content("wage")).number
    requests.submit(city, ANALYST, number)
    with pytest.raises(Denied, match="本人"):
        requests.send(city, replace(OWN_REVIEWER, name=ANALYST.name), number)
    requests.send(city, OWN_REVIEWER, number)
    with pytest.raises(Denied, match="本人"):
        decisions.pass_on(city, replace(CHIEF, name=OWN_REVIEWER.name), number)
    decisions.pass_on(city, CHIEF, number)
    with pytest.raises(Denied, match="本人"):
        decisions.approve(city, replace(HEAD, name=CHIEF.name), number)


def test_the_clock_stands_still_while_returned(city):
    """Working days used before the return are used; those while it is returned are not."""
    number = sent(city).number
    decisions.pass_on(city, CHIEF, number)
    city.clock.forward(days=3)  # Thursday: three working days used, seven left
    decisions.return_by_provider(city, HEAD, number, "请补充法律依据")
    found = views.show_request(city, ANALYST, number).request
    assert found.countdown.stopped and found.countdown.working_days_left == 7 and "停止计时" in found.countdown.says
    assert stored(city, number).due_on is None
    city.clock.forward(days=20)
    assert views.overdue(city, CHIEF) == []
    requests.edit(city, ANALYST, number, content("wage", legal_basis="《社会保险法》第七十四条、第七十五条"))
    moved = requests.resubmit(city, OWN_REVIEWER, number)
    assert moved.stage == "provider_final"
    assert moved.due_on == date(2026, 12, 25)  # seven working days after 2026-12-16


def test_returned_and_sent_again_on_one_day_keeps_its_due_day(city):
    """A return costs nobody a day."""
    number = sent(city).number
    due = decisions.pass_on(city, CHIEF, number).due_on
    decisions.return_by_provider(city, EDITOR, number, "请补充")
    assert requests.resubmit(city, OWN_REVIEWER, number).due_on == due


def test_a_supplement_that_asks_for_more_is_checked_again(city):
    """More than before goes back to the authority; another share type needs another request."""
    number = sent(city, asked=terms(states={"sex_code": "masked"})).number
    decisions.pass_on(city, CHIEF, number)
    decisions.return_by_provider(city, HEAD, number, "请补充")
    requests.edit(city, ANALYST, number, content("wage", terms(states={"sex_code": "plain"})))
    assert requests.resubmit(city, OWN_REVIEWER, number).stage == "compliance"


def test_approval_narrows_and_never_widens(city):
    """Items, states, ways, quota and period may become less; anything more is refused and nothing is granted."""
    number = sent(city, asked=terms(states={"sex_code": "plain", "birth_date": "masked"})).number
    decisions.pass_on(city, CHIEF, number, terms=terms(states={"sex_code": "plain", "birth_date": "condition"}))
    for wider in (
        terms(states={"sex_code": "plain", "birth_date": "masked"}),
        terms(states={"citizen_id": "condition"}),
        terms(states={"sex_code": "plain"}, ends=date(2027, 11, 23)),
        terms(states={"sex_code": "plain"}, ways=("lookup", "verify")),
        terms(states={"sex_code": "plain"}, quota=Quota(keys_a_day=1001, rows_an_export=500)),
        terms(states={"sex_code": "plain"}, quota=Quota(rows_an_export=500)),
        terms(states={"sex_code": "plain"}, purposes=("basis", "checking")),
        terms(states={"sex_code": "plain"}, minimum_rows=9),
    ):
        with pytest.raises(InputError) as refused:
            decisions.approve(city, HEAD, number, terms=wider)
        assert refused.value.code == "TERMS_WIDENED"
    with pytest.raises(InputError, match="没有选择数据项"):
        decisions.approve(city, HEAD, number, terms=terms(states={"sex_code": "plain"}, items=()))
    assert binding(city) == []
    less = terms(states={"sex_code": "masked"}, ends=date(2027, 1, 31), quota=Quota(keys_a_day=10, rows_an_export=5))
    decisions.approve(city, HEAD, number, terms=less)
    grant = binding(city)[0]
    assert grant.items == (GrantedItem("sex_code", "masked"),)
    assert grant.quota.keys_a_day == 10 and grant.valid_until.isoformat().startswith("2027-01-31T16:00")
    assert drift.drift_report(city, CHIEF).drifts == []


def test_a_refusal_needs_code_and_words(city):
    """Reason code and at least ten characters; then the consumer reads both."""
    number = sent(city).number
    decisions.pass_on(city, CHIEF, number)
    for code, words, wrong in (("", REASON, "REFUSAL_CODE"), ("not_shared", REASON, "REFUSAL_CODE"),
                               ("not_held", "没有这样的数据", "REFUSAL_REASON")):  # fmt: skip
        with pytest.raises(InputError) as refused:
            decisions.refuse(city, HEAD, number, code, words)
        assert refused.value.code == wrong
    with pytest.raises(InputError):
        decisions.refuse(city, HEAD, number, "not_held", " ")
    assert decisions.refuse(city, HEAD, number, "outside_duty", REASON).stage == "refused"
    step = views.show_request(city, ANALYST, number).history[-1]
    assert (step.reason, step.opinion) == ("与履行职责无关", REASON)
    assert binding(city) == []


def test_one_extension_with_the_authoritys_consent(city):
    """At most ten working days, once, and only the authority agrees."""
    number = sent(city).number
    decisions.pass_on(city, CHIEF, number)
    for days in (0, 11):
        with pytest.raises(InputError, match="延期"):
            decisions.ask_extension(city, HEAD, number, days, "需会商")
    with pytest.raises(StateError):
        decisions.allow_extension(city, CHIEF, number)
    decisions.ask_extension(city, HEAD, number, 10, "需与法制机构会商")
    assert stored(city, number).due_on == date(2026, 12, 7)
    assert any("延期" in task.title for task in list_tasks(city, CHIEF))
    assert decisions.allow_extension(city, CHIEF, number).due_on == date(2026, 12, 21)
    assert not any("延期10" in task.title for task in list_tasks(city, CHIEF))
    with pytest.raises(StateError) as once:
        decisions.ask_extension(city, HEAD, number, 1, "再延")
    assert once.value.code == "EXTENSION_ONCE"


def test_a_dispute_climbs_three_levels(city):
    """协商, 协调, 决定: each may end in sharing, the last also in its refusal; nobody skips a level."""
    number = sent(city).number
    decisions.pass_on(city, CHIEF, number)
    decisions.refuse(city, HEAD, number, "outside_duty", REASON)
    assert disputes.dispute(city, OWN_REVIEWER, number, "本部门履职必需").stage == "negotiation"
    with pytest.raises(StateError):
        disputes.ask_decision(city, OWN_REVIEWER, number, "请求决定")
    assert disputes.ask_coordination(city, OWN_REVIEWER, number, "协商未达成一致").stage == "coordination"
    assert disputes.ask_decision(city, OWN_REVIEWER, number, "协调未达成一致").stage == "decision"
    moved = disputes.decide_share(city, CHIEF, number, "市政府会议纪要〔2026〕8号")
    assert moved.grant and len(binding(city)) == 1
    assert drift.drift_report(city, CHIEF).drifts == []


def test_type_three_is_refused_by_rule_and_may_be_disputed(city):
    """What is not shared is refused at once with its reason; needed for duty, it goes to dispute."""
    from exchange import entries  # noqa: PLC0415

    basis = {"no_share_reason": "1", "legal_basis": [{"title": "《居民身份证法》", "article": "第六条"}]}
    entries.apply(city, ADMIN, written("closed", share_type=3, **basis), "d", publish=True)
    moved = sent(city, "closed")
    assert moved.stage == "refused"
    assert views.show_request(city, ANALYST, moved.number).history[-1].reason == "属于不予共享的数据"
    disputes.dispute(city, OWN_REVIEWER, moved.number, "本部门履职必需")
    assert disputes.agree(city, HEAD, moved.number, "协商同意").grant
    assert len(binding(city, "closed")) == 1


def test_a_grant_ends_by_itself_by_time(city):
    """After its last day nothing binds, before and after the daily run, which ends the request too."""
    moved = granted(city, asked=terms(ends=date(2026, 12, 1)))
    city.clock.moment = city.clock.moment.replace(month=12, day=1, hour=15, minute=59)
    assert len(binding(city)) == 1
    city.clock.forward(minutes=1)
    assert binding(city) == []
    assert run_daily(city, ADMIN).expired == 1
    assert run_daily(city, ADMIN).expired == 0
    assert stored(city, moved.number).stage == "expired"
    assert grants.list_grants(city, ANALYST)[0].state == "expired"


def test_revoking_and_giving_back_bind_at_once(city):
    """The provider revokes with reason and notice, the authority with reason, the consumer gives back."""
    number = granted(city).number
    with pytest.raises(InputError) as refused:
        grants.revoke(city, HEAD, number, "业务调整", "")
    assert refused.value.code == "REVOKE_NOTICE"
    with pytest.raises(InputError):
        grants.revoke(city, HEAD, number, " ", NOTICE)
    assert grants.revoke(city, HEAD, number, "业务调整", NOTICE).stage == "revoked"
    assert binding(city) == []
    assert any("备案" in task.title for task in list_tasks(city, CHIEF))
    assert any("处置" in task.title for task in list_tasks(city, replace(EDITOR, department=CONSUMER)))
    number = granted(city).number
    grants.revoke_by_authority(city, CHIEF, number, "查处违规使用")
    number = granted(city).number
    grants.give_back(city, OWN_REVIEWER, number)
    assert binding(city) == []
    with pytest.raises(StateError):
        grants.give_back(city, OWN_REVIEWER, number)


def test_strangers_see_nothing_and_learn_nothing(city):
    """A request that is not one's own is as unknown as one that is not there; each try is in the log."""
    number = sent(city).number
    with pytest.raises(NotFound) as hidden:
        views.show_request(city, STRANGER, number)
    with pytest.raises(NotFound) as unknown:
        views.show_request(city, STRANGER, "SQ1")
    assert str(hidden.value).replace(number, "SQ1") == str(unknown.value)
    with pytest.raises(NotFound):
        decisions.refuse(city, STRANGER, number, "not_held", REASON)
    with pytest.raises(Denied):
        requests.withdraw(city, HEAD, number)
    with pytest.raises(Denied):
        decisions.pass_on(city, ADMIN, number)
    draft = requests.draft(city, ANALYST, content("wage")).number
    for actor in (HEAD, CHIEF):
        with pytest.raises(NotFound):
            views.show_request(city, actor, draft)
    with city.transaction() as connection:
        denied = connection.execute(text("select count(*) from hub.audit_events where result = 'denied'")).scalar_one()
    assert denied == 6


def test_lists_inbox_and_overdue(city):
    """Each sees what waits for it; what is past its day is overdue, with a reminder before and an escalation after."""
    number = sent(city).number
    assert [each.number for each in views.inbox(city, CHIEF)] == [number]
    assert views.inbox(city, HEAD) == [] and views.list_requests(city, STRANGER) == []
    decisions.pass_on(city, CHIEF, number)
    assert [each.number for each in views.inbox(city, HEAD)] == [number]
    assert run_daily(city, ADMIN).reminded == 0
    city.clock.forward(days=10)  # 2026-12-03: two working days left
    assert run_daily(city, ADMIN).reminded == 1 and run_daily(city, ADMIN).reminded == 0
    assert any("还有2个工作日" in task.title for task in list_tasks(city, HEAD))
    city.clock.forward(days=5)  # 2026-12-08
    assert run_daily(city, ADMIN).escalated == 1 and run_daily(city, ADMIN).escalated == 0
    late = views.overdue(city, CHIEF)
    assert [each.number for each in late] == [number] and late[0].countdown.says == "逾期1个工作日"
    decisions.approve(city, HEAD, number)
    assert not [t for t in list_tasks(city, HEAD) if number in t.title and t.kind.startswith("share_")]


def test_an_entry_that_changed_is_not_granted_as_it_was(city):
    """A stricter type or a lost item since the request was sent stops its approval."""
    from exchange import entries  # noqa: PLC0415

    moved = sent(city, "person", terms(ways=("query",)))
    stricter = written("person", share_type=2, share_scope="全市", share_condition="业务协同")
    entries.apply(city, ADMIN, stricter, "a", publish=True)
    with pytest.raises(StateError) as outdated:
        decisions.confirm(city, CHIEF, moved.number)
    assert outdated.value.code == "REQUEST_OUTDATED" and binding(city, "person") == []


def test_nothing_of_an_approval_stays_when_its_transaction_fails(city, monkeypatch):
    """Grant, stage, event, task and audit are one: a failure at the last leaves all as it was."""
    number = sent(city).number
    decisions.pass_on(city, CHIEF, number)

    def broken(*_args, **_facts):
        raise RuntimeError("power cut")

    with monkeypatch.context() as patched:
        patched.setattr("exchange.sharing.steps.record", broken)
        with pytest.raises(RuntimeError):
            decisions.approve(city, HEAD, number)
    assert binding(city) == [] and stored(city, number).stage == "provider_final"
    assert decisions.approve(city, HEAD, number).grant


@pytest.mark.parametrize("shown", [views.list_requests, views.inbox, views.overdue])
def test_a_list_asks_the_database_as_often_for_ten_requests_as_for_three(city, shown):
    """The departments within reach are read for the list, not for each request."""
    statements = []
    event.listen(city.engine.connection, "before_cursor_execute", lambda *args: statements.append(args[2]))
    counted = {}
    for more in (3, 7):
        for _ in range(more):
            sent(city)
        late = replace(city, clock=monday())
        late.clock.forward(days=60)
        statements.clear()
        found = len(shown(late, CHIEF))
        counted[found] = len(statements)
    assert set(counted) == {3, 10} and counted[3] == counted[10] > 0
