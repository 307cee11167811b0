"""The five operations: what each gives and hides, what it asks for first, what the log has of it."""

from datetime import date

import pytest
from sqlalchemy import text

from catalog.stores import keyed_calls
from exchange.keyed import quota
from exchange.keyed.operations import KeyToCompare, compare, fetch, reuse, subscribe, unsubscribe, verify
from exchange.sharing import emergency
from schemas.errors import Denied, IdentifierError, InputError, NotFound, StateError
from schemas.grants import Predicate, Quota, RowFilter
from tests.exchange.small_city import citizen_id
from tests.keyed.conftest import (
    AUTHORITY,
    CHIEF,
    CONSUMER,
    GUARD,
    MACHINE,
    PEOPLE,
    STRANGER,
    WINDOW,
    events,
    give,
    log_text,
    machine_why,
    person,
    why,
)  # fmt: skip

ONE = PEOPLE[3]
KEY = ONE["gmsfhm"]
GOOD = {"name": ONE["xm"], "sex_code": ONE["xb"], "birth_date": ONE["csrq"]}


def test_fetch_gives_the_granted_items_masked_where_masked(city):
    """A look-up gives plain and masked items, version and data time; nothing else; its event is in the log."""
    give(city, states={"citizen_id": "masked", "name": "plain", "birth_date": "condition"})
    answer = fetch(city, WINDOW, "person", KEY, why())
    assert answer["outcome"] == "found"
    (row,) = answer["rows"]
    assert row["values"] == {"citizen_id": f"{KEY[:6]}********{KEY[-4:]}", "name": ONE["xm"]}
    assert row["roles"] == ["本人"]
    assert answer["version"] == 1
    assert answer["data_time"]
    (event,) = events(city, action="API_CALL")
    assert event["grant_id"] == "GX-1"
    assert event["purpose_code"] == "basis"
    assert event["case_no"] == why().case_no
    assert len(event["subject_key_hashes"]) == 1
    assert event["detail"]["way"] == "lookup"
    assert KEY not in log_text(city)
    assert ONE["xm"] not in log_text(city)


def test_a_grant_with_a_row_filter_hides_the_other_rows(city):
    """Outside the row filter a person is as unknown as one who is not there."""
    other = "2" if ONE["xb"] == "1" else "1"
    give(city, rows=RowFilter(predicates=(Predicate("sex_code", "=", (other,)),)))
    hidden, unknown = (fetch(city, WINDOW, "person", key, why()) for key in (KEY, citizen_id(500)))
    assert hidden["outcome"] == unknown["outcome"] == "not_found"
    assert verify(city, WINDOW, "person", KEY, GOOD, why())["outcome"] == "not_found"


def test_an_emergency_opening_is_looked_up_under_by_its_person_alone(city):
    """A data administrator has no look-up of his own; a confirmed opening gives him every item until it ends."""
    with pytest.raises(Denied) as refused:
        fetch(city, CHIEF, "person", KEY, why())
    assert refused.value.code == "GRANT_NONE"
    give(city)
    asked = emergency.open_emergency(city, CHIEF, "person", "地震应急救援需核对失联人员", 2)
    with pytest.raises(Denied):
        fetch(city, CHIEF, "person", KEY, why())
    emergency.confirm(city, GUARD, asked.number)
    answer = fetch(city, CHIEF, "person", KEY, why())
    assert (answer["grant"], answer["rows"][0]["values"]["citizen_id"]) == (asked.number, KEY)
    assert events(city, action="API_CALL", result="success")[-1]["grant_id"] == asked.number
    with pytest.raises(Denied):
        fetch(city, person("other_chief", "data_admin", AUTHORITY), "person", KEY, why())
    city.clock.forward(hours=2)
    with pytest.raises(Denied):
        fetch(city, CHIEF, "person", KEY, why())
    quota.flush(city)


def test_items_can_be_chosen_but_not_widened(city):
    """A caller may ask for fewer items; one outside the grant is refused, whether there is such an item or not."""
    give(city, states={"citizen_id": "masked", "name": "plain"})
    assert list(fetch(city, WINDOW, "person", KEY, why(), ["name"])["rows"][0]["values"]) == ["name"]
    said = []
    for name in ("birth_date", "no_such"):
        with pytest.raises(Denied) as refused:
            fetch(city, WINDOW, "person", KEY, why(), [name])
        said.append(str(refused.value))
    assert said[0] == said[1]
    assert [each["error_code"] for each in events(city, result="denied")] == ["ITEM_NOT_GRANTED"] * 2


def test_reuse_says_where_it_comes_from(city):
    """A reused row names provider, versions, data time, grant and case."""
    give(city)
    found = reuse(city, WINDOW, "person", KEY, why())["provenance"]
    assert found["provider"] == "示例市公安局"
    assert found["dataset_version"] == 1
    assert found["case_no"] == why().case_no
    assert found["data_time"]


@pytest.mark.parametrize(
    ("values", "differing"),
    [
        (GOOD, []),
        (GOOD | {"name": f" {ONE['xm'][0]}　{ONE['xm'][1:]} "}, []),
        (GOOD | {"birth_date": ONE["csrq"].replace("-", "/")}, []),
        (GOOD | {"name": "李四"}, ["name"]),
        (GOOD | {"birth_date": "1999年1月1日", "name": "李四"}, ["name", "birth_date"]),
        (GOOD | {"birth_date": "不是日期"}, ["birth_date"]),
        (GOOD | {"name": None}, ["name"]),
    ],
)
def test_verify_says_what_differs_and_never_a_value(city, values, differing):
    """Other writings of one value agree; what differs is named; no value of the row is in the answer or the log."""
    give(city)
    answer = verify(city, WINDOW, "person", KEY, values, why())
    assert answer["differing"] == differing
    assert answer["outcome"] == ("differs" if differing else "match")
    assert ONE["xm"] not in str(answer)
    assert ONE["csrq"] not in str(answer)
    assert ONE["xm"] not in log_text(city)


@pytest.mark.parametrize(("listed", "outcome"), [(("=",), "match"), (("<",), None)])
def test_a_condition_only_item_is_verified_where_equality_is_listed(city, listed, outcome):
    """Without `=` in the grant a condition-only item can't be verified; with it, it is told right and never given."""
    give(city, states={"sex_code": "plain", "birth_date": "condition"}, comparisons=listed)
    if outcome is None:
        with pytest.raises(Denied, match="ITEM_NOT_GRANTED"):
            verify(city, WINDOW, "person", KEY, {"birth_date": ONE["csrq"]}, why())
    else:
        assert verify(city, WINDOW, "person", KEY, {"birth_date": ONE["csrq"]}, why())["outcome"] == outcome
    assert "birth_date" not in fetch(city, WINDOW, "person", KEY, why())["rows"][0]["values"]


def test_a_masked_item_compares_as_its_masked_value(city):
    """Two names with the same mask agree: nothing more is told than the grant gives."""
    give(city, states={"name": "masked"})
    same = f"{ONE['xm'][0]}某{ONE['xm'][2]}"
    assert verify(city, WINDOW, "person", KEY, {"name": same}, why())["outcome"] == "match"
    assert verify(city, WINDOW, "person", KEY, {"name": "李四"}, why())["outcome"] == "differs"


def test_guessing_ends(city):
    """After five misses on one person in a day, verification of that person is refused, also in a comparison."""
    give(city)
    for day in range(1, 6):
        verify(city, WINDOW, "person", KEY, {"birth_date": f"1960-02-{day:02d}"}, why())
    with pytest.raises(Denied, match="VERIFY_MISSES"):
        verify(city, WINDOW, "person", KEY, {"birth_date": ONE["csrq"]}, why())
    tries = [KeyToCompare(PEOPLE[4]["gmsfhm"], {"birth_date": f"1961-03-{day:02d}"}) for day in range(1, 9)]
    results = compare(city, WINDOW_ANALYST, "person", tries, why())["results"]
    assert [each["outcome"] for each in results] == ["differs"] * 5 + ["refused"] * 3
    city.clock.forward(days=1)
    assert verify(city, WINDOW, "person", KEY, {"birth_date": ONE["csrq"]}, why())["outcome"] == "match"


WINDOW_ANALYST = WINDOW


def test_compare_answers_each_key_and_counts(city):
    """A list of keys gets an outcome each, in order; a number that is none is told so."""
    give(city)
    keys = [KeyToCompare(KEY, {"name": ONE["xm"]}), KeyToCompare(PEOPLE[5]["gmsfhm"], {"name": "李四"}),
            KeyToCompare(citizen_id(900), {"name": "王五"}),
            KeyToCompare("62040219600101985", {"name": "王五"})]  # fmt: skip
    answer = compare(city, WINDOW, "person", keys, why())
    assert [each["outcome"] for each in answer["results"]] == ["match", "differs", "not_found", "invalid"]
    assert answer["counts"] == {"match": 1, "differs": 1, "not_found": 1, "invalid": 1}
    with pytest.raises(InputError, match="KEYS_TOO_MANY"):
        compare(city, WINDOW, "person", keys * 300, why())


def test_a_subscription_keeps_hashes_only(city):
    """Interest in keys is kept as their hashes, once, and ends."""
    give(city)
    keys = [each["gmsfhm"] for each in PEOPLE[:3]]
    assert subscribe(city, WINDOW, "person", [*keys, "坏号码"], why())["added"] == 3
    assert subscribe(city, WINDOW, "person", keys, why())["added"] == 0
    with city.transaction() as connection:
        assert len(keyed_calls.interests(connection, CONSUMER, "GX-1")) == 3
    assert unsubscribe(city, WINDOW, "person", keys[:1], why())["ended"] == 1


def test_not_synced_is_told_from_not_found(city):
    """Nothing published yet is one thing, a person who is not there another, one whose row waits a third."""
    give(city)
    give(city, "empty", number="GX-2")
    assert fetch(city, WINDOW, "empty", KEY, why())["outcome"] == "not_synced"
    assert verify(city, WINDOW, "empty", KEY, GOOD, why())["outcome"] == "not_synced"
    absent = citizen_id(700)
    assert fetch(city, WINDOW, "person", absent, why())["outcome"] == "not_found"
    from exchange.keyed.prepared import prepared  # noqa: PLC0415

    row = prepared(city, WINDOW, "person").coder.row_key_hash(absent)
    with city.transaction() as connection:
        connection.execute(
            text(
                "insert into hub.open_problems"
                " (dataset, key_hash, code, item, first_run, last_run, first_seen, last_seen)"
                " values ('person', :k, 'REQUIRED', 'name', 'r', 'r', now(), now())"
            ),
            {"k": row},
        )
    assert fetch(city, WINDOW, "person", absent, why())["outcome"] == "not_synced"


def test_late_and_disputed_are_said(city):
    """Data that is late by its cycle says so, a disputed row says that the matter goes on."""
    give(city)
    city.clock.forward(days=5)
    answer = fetch(city, WINDOW, "person", KEY, why())
    assert answer["hours_late"] > 0
    assert "更新延迟" in answer["notices"][0]
    from exchange.keyed.prepared import prepared  # noqa: PLC0415

    row = prepared(city, WINDOW, "person").coder.row_key_hash(KEY)
    with city.transaction() as connection:
        keyed_calls.mark_disputed(connection, "person", row, "YY-1", city.clock.now())
    assert "照常办理" in fetch(city, WINDOW, "person", KEY, why())["rows"][0]["disputed"]
    assert "照常办理" in str(verify(city, WINDOW, "person", KEY, GOOD, why())["notices"])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"purpose": ""}, "WHY_PURPOSE"),
        ({"purpose": "curiosity"}, "WHY_PURPOSE"),
        ({"case_no": ""}, "WHY_CASE"),
        ({"intake_no": "YSL-0001"}, "WHY_CASE"),
        ({"handler": ""}, "WHY_HANDLER"),
        ({"window": " "}, "WHY_HANDLER"),
        ({"principal": "王某"}, "WHY_CONSENT"),
        ({"consent": "TY-2026-1"}, "WHY_CONSENT"),
        ({"case_no": KEY}, "WHY_FORM"),
        ({"handler": f"李{KEY}"}, "WHY_FORM"),
        ({"request_id": ""}, "REQUEST_ID"),
        ({"purpose": "collaboration"}, "GRANT_PURPOSE"),
    ],
)
def test_a_call_without_its_reasons_is_refused_and_logged(city, changes, code):
    """Purpose, desk, principal with consent, case or intake number, request id: what is missing is named and logged."""
    give(city)
    said = {"request_id": "request-1", "handler": "李经办", "window": "三号"} | changes
    with pytest.raises((InputError, Denied), match=code):
        fetch(city, MACHINE, "person", KEY, why(**said))
    (event,) = events(city, result="denied")
    assert event["error_code"] == code
    assert event["detail"]["client"] == "mc-test"
    assert KEY not in log_text(city)


def test_the_principal_is_in_the_log_as_a_hash(city):
    """Acting for somebody is logged with the consent's number and a keyed hash, never his name or number."""
    give(city)
    fetch(city, MACHINE, "person", KEY, machine_why(1, principal=PEOPLE[9]["gmsfhm"], consent="TY-2026-1"))
    detail = events(city, action="API_CALL")[0]["detail"]
    assert len(detail["principal"]) == 64
    assert detail["consent"] == "TY-2026-1"
    assert PEOPLE[9]["gmsfhm"] not in log_text(city)


def test_nothing_without_a_grant(city):
    """No grant, another department's, a way or scope that is not granted, a revoked one: refused, each in the log."""
    with pytest.raises(Denied, match="GRANT_NONE"):
        fetch(city, WINDOW, "person", KEY, why())
    give(city, ways=("verify",))
    with pytest.raises(Denied, match="GRANT_NONE"):
        fetch(city, STRANGER, "person", KEY, why())
    with pytest.raises(Denied, match="GRANT_WAY"):
        fetch(city, WINDOW, "person", KEY, why())
    with pytest.raises(NotFound, match="DATASET_UNKNOWN"):
        fetch(city, WINDOW, "no_such", KEY, why())
    with city.transaction() as connection:
        connection.execute(text("update hub.grants set state = 'revoked'"))
    with pytest.raises(Denied, match="GRANT_NONE"):
        verify(city, WINDOW, "person", KEY, GOOD, why())
    assert len(events(city, result="denied")) == 5
    assert not events(city, action="API_CALL", result="success")


def test_a_repeated_request_gets_the_same_answer_and_counts_once(city):
    """The same id and body get the answer of before; another body is refused; a revoked grant gives none."""
    give(city, quota=Quota(keys_a_day=2))
    first = fetch(city, MACHINE, "person", KEY, machine_why(1))
    for _ in range(3):
        assert fetch(city, MACHINE, "person", KEY, machine_why(1)) == first
    with pytest.raises(StateError, match="REQUEST_REPLAYED"):
        fetch(city, MACHINE, "person", PEOPLE[5]["gmsfhm"], machine_why(1))
    fetch(city, MACHINE, "person", KEY, machine_why(2))
    with pytest.raises(Denied, match="QUOTA_KEYS"):
        fetch(city, MACHINE, "person", KEY, machine_why(3))
    with city.transaction() as connection:
        connection.execute(text("update hub.grants set state = 'revoked'"))
        assert not [row for row in connection.execute(text("select sealed from hub.client_calls"))
                    if ONE["xm"].encode() in bytes(row.sealed)]  # fmt: skip
    with pytest.raises(Denied, match="GRANT_NONE"):
        fetch(city, MACHINE, "person", KEY, machine_why(1))


def test_an_intake_number_is_bound_or_expires(city):
    """A call before acceptance names an intake number; bound, it stands for its case; unbound, it expires."""
    from exchange.keyed.intake import bind, list_intakes  # noqa: PLC0415

    give(city)
    asked = why(case_no="", intake_no="YSL-2026-0001")
    fetch(city, WINDOW, "person", KEY, asked)
    fetch(city, WINDOW, "person", KEY, why(case_no="", intake_no="YSL-2026-0002"))
    assert events(city, action="API_CALL")[0]["case_no"] is None
    bind(city, WINDOW, "YSL-2026-0001", "BJ-2026-9")
    fetch(city, WINDOW, "person", KEY, asked)
    assert events(city, action="API_CALL")[-1]["case_no"] == "BJ-2026-9"
    with pytest.raises(StateError, match="INTAKE_BOUND"):
        bind(city, WINDOW, "YSL-2026-0001", "BJ-2026-10")
    city.clock.forward(days=16)
    with pytest.raises(Denied, match="INTAKE_EXPIRED"):
        fetch(city, WINDOW, "person", KEY, why(case_no="", intake_no="YSL-2026-0002"))
    states = {each.number: each.state for each in list_intakes(city, WINDOW)}
    assert states == {"YSL-2026-0001": "bound", "YSL-2026-0002": "expired"}


@pytest.mark.parametrize(
    "key", ["", "620402", "6204021960010198", KEY[:-1] + ("1" if KEY[-1] != "1" else "2"), "x'; --"]
)
def test_a_bad_key_is_refused_before_it_is_counted(city, key):
    """What is no number is refused by name of its fault, logged without it, and takes nothing of the quota."""
    give(city)
    with pytest.raises(IdentifierError):
        fetch(city, WINDOW, "person", key, why())
    with city.transaction() as connection:
        assert keyed_calls.reserved(connection, "GX-1", date(2026, 11, 22)) == 0
    if key:
        assert key not in log_text(city)
