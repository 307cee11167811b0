"""A subscription delivers first everything that is granted, then what changed of it, each batch once and signed."""

import base64
import json
import random
from datetime import timedelta

import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from catalog.stores import audit as audit_store
from catalog.stores import keyed_calls
from connectors.sinks.folder import FolderSink, read_receipt
from exchange.crypto import signature_holds, sm3
from exchange.delivery import subscriptions, work
from exchange.delivery.sending import safe_errors
from exchange.delivery.subscriptions import NewSubscription
from schemas.delivery import Manifest, Receipt, canonical
from schemas.errors import Busy, Denied, HubError, InputError, NotFound, SourceError, StateError
from schemas.grants import GrantedItem, Quota
from tests.delivery.conftest import ADMIN
from tests.delivery.stand_ins import CONSUMER, NUMBER, ONLY_MEN, GrantBook, grant, standing
from tests.exchange.small_city import citizen_id, person


def rows_of(folder, batch_no):
    """Reads the rows of a delivered batch."""
    paths = sorted((folder / batch_no).glob("part-*.parquet"))
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


def manifest_of(folder, batch_no):
    """Reads the manifest of a delivered batch."""
    return json.loads((folder / batch_no / "manifest.json").read_text())


def test_the_first_batch_is_all_that_is_granted_and_nothing_else(hub, to_folder):
    """Every row comes once, with the granted items masked as the grant says; nothing else of a row leaves."""
    identifier, folder = to_folder()
    done = work.run(hub, ADMIN, identifier, grants=standing())
    assert (done.kind, done.state, done.rows, done.accepted) == ("full", "acknowledged", 40, 40)
    rows = rows_of(folder, done.batch_no)
    assert {tuple(row) for row in rows} == {("cd_operation", "cd_time", "cd_batch", "row_guid", "name", "sex_code")}
    assert {row["name"] for row in rows} == {"张*二"} and {row["cd_operation"] for row in rows} == {"I"}
    assert len({row["row_guid"] for row in rows}) == 40
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert citizen_id(1).encode() not in everything and b"birth_date" not in everything


def test_later_batches_hold_changes_alone(hub, police, publish, to_folder):
    """An insert, an update and a deletion come as I, U and D under the same row_guid; nothing new means no batch."""
    identifier, folder = to_folder()
    first = work.run(hub, ADMIN, identifier, grants=standing())
    assert work.run(hub, ADMIN, identifier, grants=standing()).batch_no is None
    before = {row["row_guid"] for row in rows_of(folder, first.batch_no)}
    police.put([person(1) | {"xb": "1" if person(1)["xb"] == "2" else "2"}, person(77)])
    police.remove([citizen_id(2)])
    publish()
    police.put([person(78)])
    publish()
    second = work.run(hub, ADMIN, identifier, grants=standing())
    rows = rows_of(folder, second.batch_no)
    assert sorted(row["cd_operation"] for row in rows) == ["D", "I", "I", "U"]
    by_operation = {row["cd_operation"]: row for row in rows}
    assert by_operation["D"]["row_guid"] in before and by_operation["U"]["row_guid"] in before
    assert by_operation["I"]["row_guid"] not in before
    assert by_operation["D"]["name"] is None and by_operation["D"]["sex_code"] is None
    manifest = manifest_of(folder, second.batch_no)
    assert (manifest["sequence"], manifest["previous"], manifest["kind"]) == (2, first.batch_no, "changes")
    assert manifest["min_time"] < manifest["max_time"], "each row has the time of its own change"


def test_a_change_of_what_is_not_granted_is_no_change(hub, police, publish, to_folder):
    """A new value of an item that the grant does not give, or gives as condition only, makes no batch."""
    identifier, _ = to_folder()
    work.run(hub, ADMIN, identifier, grants=standing())
    police.put([person(3) | {"csrq": "1961-02-03"}])
    assert publish().updated == 1
    assert work.run(hub, ADMIN, identifier, grants=standing()).batch_no is None
    shown = subscriptions.show_subscription(hub, ADMIN, identifier)
    assert shown.delivered_version == 2 and len(shown.batches) == 1


def test_rows_move_in_and_out_of_the_grant(hub, police, publish, to_folder):
    """A row that leaves the grant's rows is deleted there, one that comes in is inserted, others are never seen."""
    book = GrantBook(grant(rows=ONLY_MEN))
    identifier, folder = to_folder(book)
    first = work.run(hub, ADMIN, identifier, grants=book)
    men = [number for number in range(40) if person(number)["xb"] == "1"]
    women = [number for number in range(40) if person(number)["xb"] == "2"]
    assert first.rows == len(men) and {row["sex_code"] for row in rows_of(folder, first.batch_no)} == {"1"}
    police.put([person(men[0]) | {"xb": "2"}, person(women[0]) | {"xb": "1"}, person(women[1]) | {"xm": "李某"}])
    publish()
    second = work.run(hub, ADMIN, identifier, grants=book)
    rows = rows_of(folder, second.batch_no)
    assert sorted((row["cd_operation"], row["sex_code"]) for row in rows) == [("D", None), ("I", "1")]


def test_the_manifest_is_signed_and_names_every_byte(hub, to_folder):
    """The published key verifies the signature; sizes, hashes, counts and columns are those of the files."""
    identifier, folder = to_folder()
    done = work.run(hub, ADMIN, identifier, grants=standing())
    facts = manifest_of(folder, done.batch_no)
    signature = subscriptions_signature(facts)
    [key] = subscriptions.signing_keys(hub, ADMIN)
    assert key["key_id"] == facts["key_id"]
    public = bytes.fromhex(key["public_key"])
    body = {name: value for name, value in facts.items() if name != "signature"}
    assert signature_holds(public, canonical(body), signature)
    assert not signature_holds(public, canonical(body | {"row_count": 41}), signature)
    [part] = facts["files"]
    content = (folder / done.batch_no / part["name"]).read_bytes()
    assert (part["bytes"], part["sm3"], part["rows"]) == (len(content), sm3(content).hex(), 40)
    assert [name for name, _ in facts["columns"]] == pq.read_table(folder / done.batch_no / part["name"]).column_names
    assert facts["node_to"] == CONSUMER and facts["contract_version"] == "1.0.0" and facts["row_count"] == 40
    assert Manifest.from_facts(body).canonical() == canonical(body)
    assert len(done.batch_no) <= 32 and done.batch_no.startswith("20261122")


def subscriptions_signature(facts):
    """Decodes a manifest's signature."""
    return base64.b64decode(facts["signature"])


def test_csv_is_delivered_as_text(hub, to_folder):
    """A subscription may ask for CSV; moments are written with their offset."""
    identifier, folder = to_folder(format="csv")
    done = work.run(hub, ADMIN, identifier, grants=standing())
    [path] = (folder / done.batch_no).glob("*.csv")
    table = pyarrow.csv.read_csv(path, convert_options=pyarrow.csv.ConvertOptions(column_types={"cd_time": "string"}))
    assert table.num_rows == 40 and table["cd_time"][0].as_py() == "2026-11-22T10:00:00+0800"


def test_a_receipt_that_comes_later_is_awaited(hub, to_folder, publish, police):
    """Without a receipt the batch stays open and no other is made; the consumer's ack.json closes it."""
    identifier, folder = to_folder(receipt="file")
    done = work.run(hub, ADMIN, identifier, grants=standing())
    assert done.state == "sent"
    with pytest.raises(Busy, match="RECEIPT_WAITS"):
        work.confirm(hub, ADMIN, identifier)
    police.put([person(50)])
    publish()
    assert work.prepare(hub, ADMIN, identifier, grants=standing()) == done.batch_no
    leak = citizen_id(3)
    ack = {
        "batch_no": done.batch_no,
        "accepted": 39,
        "rejected": 1,
        "errors": [{"code": leak + "错", "row_guid": leak}],
    }
    (folder / done.batch_no / "ack.json").write_text(json.dumps(ack))
    closed = work.confirm(hub, ADMIN, identifier)
    assert (closed.state, closed.accepted, closed.rejected) == ("acknowledged", 39, 1)
    shown = subscriptions.show_subscription(hub, ADMIN, identifier)
    assert leak not in repr(shown) and shown.batches[0]["receipt"]["errors"] == [{"code": "OTHER", "row_guid": ""}]
    assert work.run(hub, ADMIN, identifier, grants=standing()).rows == 1


@pytest.mark.parametrize("receipt", ["none", "file"])
def test_a_receipt_that_comes_before_the_answer_stands(hub, to_folder, monkeypatch, receipt):
    """A consumer may hand its receipt in while the sending still waits: the batch is closed once, with that receipt."""
    identifier, _ = to_folder(receipt=receipt)
    number = work.prepare(hub, ADMIN, identifier, grants=standing())
    deliver = FolderSink.deliver

    def answered_late(self, shipment, gate, faults):
        answer = deliver(self, shipment, gate, faults)
        subscriptions.hand_in_receipt(hub, ADMIN, identifier, Receipt(number, 38, 2))
        return answer

    monkeypatch.setattr(FolderSink, "deliver", answered_late)
    done = work.send(hub, ADMIN, identifier, grants=standing())
    assert (done.state, done.accepted, done.rejected) == ("acknowledged", 38, 2)
    with hub.transaction() as connection:
        log = [each.event.detail["use_case"] for each in audit_store.read(connection)]
    assert (log.count("delivery.receipt"), log.count("delivery.confirm")) == (1, 1)


def test_a_receipt_that_does_not_add_up_is_refused(hub, to_folder):
    """A receipt for another number of rows, or for a batch of another subscription, closes nothing."""
    identifier, _ = to_folder(receipt="file")
    done = work.run(hub, ADMIN, identifier, grants=standing())
    with pytest.raises(StateError, match="RECEIPT_BALANCE"):
        subscriptions.hand_in_receipt(hub, ADMIN, identifier, Receipt(done.batch_no, 12))
    other, _ = to_folder(receipt="file")
    with pytest.raises(NotFound, match="BATCH_UNKNOWN"):
        subscriptions.hand_in_receipt(hub, ADMIN, other, Receipt(done.batch_no, 40))
    assert subscriptions.hand_in_receipt(hub, ADMIN, identifier, Receipt(done.batch_no, 40))["state"] == "acknowledged"
    again = subscriptions.hand_in_receipt(hub, ADMIN, identifier, Receipt(done.batch_no, 40))
    assert again["state"] == "acknowledged"


def test_nothing_leaves_when_the_grant_is_over(hub, to_folder):
    """A grant that ended between preparing and sending stops the batch: its files go, the denial is in the log."""
    book = GrantBook(grant())
    identifier, folder = to_folder(book)
    work.prepare(hub, ADMIN, identifier, grants=book)
    book.grants.clear()
    with pytest.raises(Denied, match="GRANT_OVER"):
        work.send(hub, ADMIN, identifier, grants=book)
    assert not list(folder.rglob("*"))
    assert not list((hub.settings.lake_root / "outbox").rglob("*.sealed"))
    shown = subscriptions.show_subscription(hub, ADMIN, identifier)
    assert shown.batches[0]["state"] == "withdrawn" and shown.full_next
    with hub.transaction() as connection:
        denied = [each.event for each in audit_store.read(connection) if each.event.result == "denied"]
    assert [event.error_code for event in denied] == ["GRANT_OVER"]
    with pytest.raises(Denied):
        work.prepare(hub, ADMIN, identifier, grants=book)


def test_the_grant_is_asked_before_each_chunk(hub, to_folder, monkeypatch):
    """A revocation in the middle of sending stops before the next chunk; what lay there is removed."""
    monkeypatch.setattr("exchange.delivery.preparing.PART_ROWS", 10)
    book = GrantBook(grant())
    identifier, folder = to_folder(book)
    work.prepare(hub, ADMIN, identifier, grants=book)
    book.asked, book.until = 0, 3  # the first question, then two of the four parts
    with pytest.raises(Denied, match="GRANT_OVER"):
        work.send(hub, ADMIN, identifier, grants=book)
    assert book.asked == 4
    assert not [path for path in folder.rglob("*") if path.is_file()]
    book.until = None
    after = work.run(hub, ADMIN, identifier, grants=book)
    assert (after.kind, after.rows) == ("full", 40), "after a batch that was taken back everything comes anew"
    assert manifest_of(folder, after.batch_no)["sequence"] == 2


def test_a_changed_grant_is_delivered_anew(hub, to_folder):
    """Prepared content never leaves under another grant than it was made for; the next batch is whole."""
    book = GrantBook(grant())
    identifier, folder = to_folder(book)
    work.prepare(hub, ADMIN, identifier, grants=book)
    book.grants[NUMBER] = grant(items=(GrantedItem("sex_code", "plain"),))
    with pytest.raises(Denied, match="GRANT_CHANGED"):
        work.send(hub, ADMIN, identifier, grants=book)
    done = work.run(hub, ADMIN, identifier, grants=book)
    assert list(rows_of(folder, done.batch_no)[0]) == ["cd_operation", "cd_time", "cd_batch", "row_guid", "sex_code"]
    book.grants[NUMBER] = grant(rows=ONLY_MEN, items=(GrantedItem("sex_code", "plain"),))
    again = work.run(hub, ADMIN, identifier, grants=book)
    assert again.kind == "full" and again.rows < 40


def test_listed_keys_alone_are_delivered(hub, police, publish, to_folder):
    """With a list of keys their rows alone leave, and changes of theirs; another list means everything anew."""
    identifier, folder = to_folder()
    hashes = hub.crypto.keys().lookup_hashes([f"111:{citizen_id(number)}".encode() for number in (1, 2)])
    listed(hub, hashes)
    first = work.run(hub, ADMIN, identifier, grants=standing())
    assert first.rows == 2
    police.put([person(1) | {"xb": "1" if person(1)["xb"] == "2" else "2"}, person(3) | {"xm": "李某"}, person(77)])
    publish()
    second = work.run(hub, ADMIN, identifier, grants=standing())
    assert [row["cd_operation"] for row in rows_of(folder, second.batch_no)] == ["U"]
    police.put([person(2) | {"xm": "李某"}])
    publish()
    work.prepare(hub, ADMIN, identifier, grants=standing())
    with hub.transaction() as connection:
        keyed_calls.end_interests(connection, CONSUMER, NUMBER, hashes[1:])
    with pytest.raises(Denied, match="GRANT_CHANGED"):  # what was prepared names somebody who is no longer wanted
        work.send(hub, ADMIN, identifier, grants=standing())
    third = work.run(hub, ADMIN, identifier, grants=standing())
    assert (third.kind, third.rows) == ("full", 1)


def listed(hub, hashes):
    """Records interest in keys, as 订阅 by number does."""
    facts = {"department_code": CONSUMER, "grant_number": NUMBER, "dataset": "person", "added_by": "x"}
    with hub.transaction() as connection:
        keyed_calls.add_interests(connection, [facts | {"key_hash": each, "since": hub.clock.now()} for each in hashes])


@pytest.mark.parametrize(
    "changes",
    [
        {"ways": ("query",)},
        {"dataset": "other"},
        {"consumer": "11620400XX00A0048G"},
        {"valid_until": grant().valid_from + timedelta(days=1)},
        {"quota": Quota(rows_an_export=39)},
    ],
)
def test_a_grant_that_does_not_fit_gives_nothing(hub, to_folder, changes):
    """Another way, dataset, consumer or period, or more rows than the quota: refused, and nothing is sealed for it."""
    identifier, folder = to_folder()
    with pytest.raises(Denied):
        work.run(hub, ADMIN, identifier, grants=GrantBook(grant(**changes)))
    assert not list(folder.rglob("*"))
    with hub.transaction() as connection:
        assert connection.execute(text("select count(*) from hub.delivery_batches")).scalar() == 0


def test_a_full_resend_on_request(hub, to_folder):
    """On request the next batch is whole again, with the row_guids of before."""
    identifier, folder = to_folder()
    first = work.run(hub, ADMIN, identifier, grants=standing())
    subscriptions.resend(hub, ADMIN, identifier, "前置库已重建")
    second = work.run(hub, ADMIN, identifier, grants=standing())
    assert (second.kind, second.rows) == ("full", 40) and second.batch_no != first.batch_no
    guids = [{row["row_guid"] for row in rows_of(folder, number)} for number in (first.batch_no, second.batch_no)]
    assert guids[0] == guids[1]
    other, _ = to_folder()
    third = work.run(hub, ADMIN, other, grants=standing())
    assert guids[0].isdisjoint(row["row_guid"] for row in rows_of(folder, third.batch_no)), "no two can be related"


def test_a_version_that_is_gone_means_everything_anew(hub, police, publish, to_folder):
    """When the version that the consumer holds is cleared, or the change table began anew, the next batch is whole."""
    identifier, _ = to_folder()
    work.run(hub, ADMIN, identifier, grants=standing())
    police.put([person(60)])
    publish()
    with hub.transaction() as connection:
        connection.execute(text("update hub.dataset_versions set inserted = inserted + 1 where version = 2"))
    assert work.run(hub, ADMIN, identifier, grants=standing()).kind == "full"
    police.put([person(61)])
    publish()
    with hub.transaction() as connection:
        connection.execute(text("update hub.dataset_versions set delta_version = 99 where version = 2"))
    assert work.run(hub, ADMIN, identifier, grants=standing()).kind == "full"


def test_a_place_that_is_down_is_tried_again_with_the_same_number(hub, to_folder, clock):
    """A failure keeps the batch, waits longer each time, and the next try sends the same batch."""
    identifier, folder = to_folder()
    number = work.prepare(hub, ADMIN, identifier, grants=standing())
    folder.rmdir()
    folder.write_text("no folder")
    waits = []
    for _ in range(3):
        with pytest.raises(HubError) as caught:
            work.send(hub, ADMIN, identifier, grants=standing())
        assert caught.value.transient
        batch = subscriptions.show_subscription(hub, ADMIN, identifier).batches[0]
        waits.append((batch["next_try_at"] - clock.now()).total_seconds())
        with pytest.raises(Busy, match="DELIVERY_WAITS"):
            work.send(hub, ADMIN, identifier, grants=standing())
        clock.forward(hours=1)
    assert waits == [15, 30, 60]
    folder.unlink()
    done = work.send(hub, ADMIN, identifier, grants=standing())
    assert (done.batch_no, done.state) == (number, "acknowledged")


def test_the_outbox_is_sealed_and_emptied(hub, to_folder):
    """Prepared files rest sealed, a changed one is not sent, and nothing is left after the receipt."""
    identifier, _ = to_folder(receipt="file")
    number = work.prepare(hub, ADMIN, identifier, grants=standing())
    [path] = (hub.settings.lake_root / "outbox").rglob("*.sealed")
    whole = path.read_bytes()
    assert b"PAR1" not in whole
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(HubError, match="SEAL_BROKEN"):
        work.send(hub, ADMIN, identifier, grants=standing())
    path.write_bytes(whole)
    hub.clock.forward(hours=1)
    work.send(hub, ADMIN, identifier, grants=standing())
    assert path.exists()
    subscriptions.hand_in_receipt(hub, ADMIN, identifier, Receipt(number, 40))
    assert not path.exists()


def test_a_pause_binds_at_once(hub, to_folder):
    """A paused subscription sends nothing, also of a batch that is ready; resumed, it sends everything anew."""
    identifier, folder = to_folder()
    work.prepare(hub, ADMIN, identifier, grants=standing())
    with pytest.raises(InputError, match="REASON"):
        subscriptions.pause(hub, ADMIN, identifier, " ")
    subscriptions.pause(hub, ADMIN, identifier, "前置库检修")
    with pytest.raises(Denied):
        work.send(hub, ADMIN, identifier, grants=standing())
    with pytest.raises(StateError):
        work.prepare(hub, ADMIN, identifier, grants=standing())
    assert not list(folder.rglob("*"))
    subscriptions.resume(hub, ADMIN, identifier)
    assert work.run(hub, ADMIN, identifier, grants=standing()).kind == "full"
    subscriptions.close_subscription(hub, ADMIN, identifier, "不再需要")
    listed = json.loads((hub.settings.directory / "deliveries.json").read_text())
    assert listed == {"subscriptions": []}


def test_secrets_of_a_place_are_sealed_and_never_shown(hub):
    """Password and token rest sealed, in no view, no log and no message."""
    new = NewSubscription(
        "person", NUMBER, CONSUMER, "callback", "https://u:hunter2@example.test/in", {"token": "tok-secret"}
    )
    shown = subscriptions.subscribe(hub, ADMIN, new, grants=standing())
    assert shown.place == "https://example.test/in"
    with hub.transaction() as connection:
        stored = str(connection.execute(text("select * from hub.subscriptions")).all())
        events = repr(audit_store.read(connection))
    for secret in ("hunter2", "tok-secret"):
        assert secret not in stored and secret not in events and secret not in repr(shown)


@pytest.mark.parametrize(
    ("kind", "url", "facts"),
    [
        ("folder", "relative/path", {}),
        ("folder", "/inbox", {"nonsense": "1"}),
        ("folder", "gopher://h/x", {}),
        ("table", "postgresql://h/d", {"table": "t; drop table x"}),
        ("table", "postgresql://h/d", {}),
        ("table", "sqlite:///x.db", {"table": "t"}),
        ("callback", "ftp://h/x", {}),
        ("callback", "https://u:hunter2@/in", {}),
        ("callback", "https://h.example/\x01", {}),
        ("callback", "https://xn--.cn/x", {}),
        ("nothing", "https://h", {}),
    ],
)
def test_a_place_that_is_none_is_refused(hub, kind, url, facts):
    """A wrong address, table name or fact is an input error that does not repeat the address."""
    with pytest.raises(InputError) as caught:
        subscriptions.subscribe(
            hub, ADMIN, NewSubscription("person", NUMBER, CONSUMER, kind, url, facts), grants=standing()
        )
    assert url not in str(caught.value)


def test_batches_add_up_to_the_granted_content(hub, police, publish, to_folder):
    """After any rounds of changes, what the consumer has built from the batches is what a first batch would hold."""
    chance = random.Random(7)
    book = GrantBook(grant(rows=ONLY_MEN))
    identifier, folder = to_folder(book)
    held = {}
    for number in range(4):
        done = work.run(hub, ADMIN, identifier, grants=book)
        for row in rows_of(folder, done.batch_no) if done.batch_no else ():
            if row["cd_operation"] == "D":
                del held[row["row_guid"]]
                continue
            assert (row["row_guid"] in held) == (row["cd_operation"] == "U")
            held[row["row_guid"]] = (row["name"], row["sex_code"])
        anew, _ = to_folder(book)
        whole = rows_of(folder, work.run(hub, ADMIN, anew, grants=book).batch_no)
        assert sorted(held.values()) == sorted((row["name"], row["sex_code"]) for row in whole), number
        changed = [person(chance.randrange(60)) | {"xb": chance.choice("12"), "xm": chance.choice("王李赵") + "某"}
                   for _ in range(12)]  # fmt: skip
        police.put(list({row["gmsfhm"]: row for row in changed}.values()))
        police.remove([citizen_id(chance.randrange(60)) for _ in range(3)])
        publish()


_NAMES = st.sampled_from(["batch_no", "accepted", "rejected", "errors", "x"])
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("B"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=5),
    max_leaves=6,
)


@given(st.binary(max_size=80) | _VALUES.map(lambda body: json.dumps(body).encode()))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_answer_is_a_receipt_of_the_batch_or_an_error(content):
    """Whatever a consumer answers gives a receipt of this very batch or our own error, and no word of it is kept."""
    try:
        receipt = read_receipt(content, "B")
    except SourceError as error:
        assert error.code == "RECEIPT"
        return
    assert receipt.batch_no == "B" and receipt.accepted >= 0 and receipt.rejected >= 0
    assert all(set(each) == {"code", "row_guid"} for each in safe_errors(receipt))
