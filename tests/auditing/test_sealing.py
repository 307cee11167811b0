"""Sealing: no gap by late committers, nothing lost by kill -9, many writers, legacy links, a restored dump."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from catalog.engine import make_engine
from catalog.stores import audit as store
from catalog.stores import audit_chain
from catalog.stores.audit import GENESIS
from exchange.auditing import chain, sealing, verification
from exchange.auditing.chain import BATCH, link, seal_pending
from exchange.settings import ROOT
from tests.auditing.conftest import add, event, tamper


def linked(hub) -> list[int]:
    """Lists the events in the order of their links."""
    with hub.transaction() as connection:
        return [each.seq for each, _ in audit_chain.links(connection)]


def test_chain_vectors():
    """The chain's hash of two published records comes out right."""
    first = link({"action": "QUERY", "actor": "u01", "seq": 1}, GENESIS)
    assert first == "84c9573ceeeac8c8698a084557fa53b52e2b4dbf5d7943ef566373a0b18fc8bb"
    second = link({"action": "EXPORT", "actor": "u01", "seq": 2}, first)
    assert second == "968b76730e89c9f4a2dd8ac8c123f9f5440cc7b4a46db598ea0fec2d0ec377f2"


def test_a_transaction_that_commits_late_leaves_no_gap(hub, admin):
    """An event with a lower number that is committed later holds the others back; none is lost."""
    with hub.engine.connect() as slow:
        transaction = slow.begin()
        store.append(slow, event(hub.clock.now(), 1))  # takes number 1 and stays open
        add(hub, 3)
        assert seal_pending(hub) == []
        with hub.transaction() as connection:
            assert audit_chain.waiting(connection).events == 3
        transaction.commit()
    assert sum(each.last_number for each in seal_pending(hub)) == 4
    assert linked(hub) == [1, 2, 3, 4]
    assert verification.verify(hub, admin).holds


def test_a_transaction_that_began_early_and_writes_late_is_sealed_later(hub, admin):
    """Events of transactions that end after a batch go into the next one; none is left out, none stands twice."""
    add(hub, 2)
    seal_pending(hub)
    with hub.engine.connect() as slow:
        transaction = slow.begin()
        slow.execute(text("select txid_current()"))
        add(hub, 2)
        assert seal_pending(hub) == []
        store.append(slow, event(hub.clock.now(), 9))
        transaction.commit()
    seal_pending(hub)
    assert sorted(linked(hub)) == [1, 2, 3, 4, 5] and len(set(linked(hub))) == 5
    assert verification.verify(hub, admin).holds


def test_another_database_of_the_server_holds_nothing_back(hub, admin, empty_database_url):
    """A transaction that runs in another database (Airflow's) delays no sealing; one of the hub's own does."""
    other = make_engine(empty_database_url)
    with other.connect() as stranger, hub.engine.connect() as own:
        stranger.execute(text("select txid_current()"))
        add(hub, 2)
        [sealed] = seal_pending(hub)
        assert (sealed.first_number, sealed.last_number) == (1, 2)
        own.execute(text("select txid_current()"))
        add(hub, 2)
        assert seal_pending(hub) == []
        own.rollback()
        assert [each.last_number for each in seal_pending(hub)] == [4]
    other.dispose()
    assert verification.verify(hub, admin).holds


def test_a_stranger_that_ends_during_the_look_sets_nothing_back(hub, admin, monkeypatch):
    """A transaction nobody is known to own holds back what is new; what was final stays final, each event once."""
    with hub.engine.connect() as unknown:
        unknown.execute(text("select txid_current()"))
        add(hub, 2)
        everyone = "session.datname <> current_database()"
        known = str(audit_chain._RUNNING)
        monkeypatch.setattr(audit_chain, "_RUNNING", text(known.replace(everyone, "true")))
        seal_pending(hub)
        monkeypatch.setattr(audit_chain, "_RUNNING", text(known))
        add(hub, 1)
        assert seal_pending(hub) == [] and linked(hub) == [1, 2]
        assert audit_chain.passed_over(unknown) == []
    seal_pending(hub)
    assert linked(hub) == [1, 2, 3]
    assert verification.verify(hub, admin).holds


def test_an_aborted_transaction_is_no_hole(hub, admin):
    """A number that was taken and rolled back is missing in the log and not in the chain."""
    add(hub)
    with hub.engine.connect() as lost:
        lost.begin()
        store.append(lost, event(hub.clock.now()))
        lost.rollback()
    add(hub)
    seal_pending(hub)
    assert linked(hub) == [1, 3]
    assert verification.verify(hub, admin).holds


def test_small_batches_hold_the_same_as_a_large_one(hub, admin):
    """Batches that end inside a transaction's events go on where they ended."""
    with hub.transaction() as connection:
        for number in range(7):
            store.append(connection, event(hub.clock.now(), number))
    add(hub, 4)
    made = seal_pending(hub, size=3)
    assert [each.last_number - each.first_number + 1 for each in made] == [3, 3, 3, 2]
    assert linked(hub) == list(range(1, 12))
    assert verification.verify(hub, admin).holds


def write(hub, number, committed):
    """Writes events, some late, some rolled back, each in a transaction of its own."""
    for turn in range(25):
        with hub.engine.connect() as connection:
            transaction = connection.begin()
            seq = store.append(connection, event(hub.clock.now(), turn))
            time.sleep(0.001 * ((number * turn) % 7))
            if turn % 9 == 8:
                transaction.rollback()
            else:
                transaction.commit()
                committed.append(seq)


def keep_sealing(hub, stop):
    """Seals small batches until told to stop."""
    while not stop.is_set():
        seal_pending(hub, size=10)


def test_eight_writers_and_two_sealers_at_once(hub, admin):
    """With late commits, rollbacks and two sealers, every committed event is linked once and the chain holds."""
    stop, committed = threading.Event(), []
    with ThreadPoolExecutor(10) as pool:
        sealers = [pool.submit(keep_sealing, hub, stop) for _ in range(2)]
        writers = [pool.submit(write, hub, number, committed) for number in range(8)]
        for each in writers:
            each.result()
        stop.set()
        for each in sealers:
            each.result()
    seal_pending(hub)
    assert sorted(linked(hub)) == sorted(committed) and len(committed) == 8 * 23
    found = verification.verify(hub, admin)
    assert found.holds and found.unsealed == 1 and found.batches > 1


_SEALER = """
import sys, time
from exchange.auditing import chain
from exchange.hub import open_hub
from exchange.settings import Settings
settings = Settings(var={var!r}, database_url={url!r})
plain = chain.HASHING
def slow(batch):
    print("in", flush=True)
    time.sleep({sleep})
    return plain.batch(batch)
chain.HASHING = type(plain)(plain.record, slow, plain.moment)
with open_hub(settings) as hub:
    while True:
        chain.seal_pending(hub, size=5)
        print("idle", flush=True)
        time.sleep(0.01)
"""


@pytest.mark.parametrize("sleep", [0, 30])
def test_a_killed_sealer_leaves_whole_batches(hub, admin, sleep):
    """A kill -9 between batches or inside one leaves whole batches; the next sealer goes on."""
    add(hub, 40)
    program = _SEALER.format(var=str(hub.settings.var), url=hub.database_url, sleep=sleep)
    child = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        for _ in range(1 if sleep else 4):
            assert child.stdout.readline()
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
    with hub.engine.connect() as connection:  # its lock ends with its session
        before = connection.execute(text("select count(*) from hub.audit_chain")).scalar_one()
        batches = connection.execute(text("select count(*) from hub.audit_batches")).scalar_one()
    assert before == 5 * batches and (before == 0) == bool(sleep)
    seal_pending(hub)
    assert linked(hub) == list(range(1, 41))
    assert verification.verify(hub, admin).holds


def test_links_from_before_there_were_batches_go_on(hub, admin):
    """The links that an older hub made stay as they are; the first batch closes them, the chain goes on."""
    add(hub, 3)
    with hub.engine.begin() as connection:
        previous = GENESIS
        for recorded in store.read(connection):
            digest = chain.hash_of(recorded, previous, 1)
            connection.execute(
                text("insert into hub.audit_chain (number, seq, prev_sm3, record_sm3) values (:n, :n, :p, :d)"),
                {"n": recorded.seq, "p": previous, "d": digest},
            )
            previous = digest
    add(hub, 2)
    first, second = seal_pending(hub)
    assert (first.first_number, first.last_number, first.head_sm3) == (1, 3, previous)
    assert (second.first_number, second.last_number) == (4, 5)
    assert verification.verify(hub, admin).holds
    tamper(hub, "update hub.audit_events set action = 'EXPORT' where seq = 2")
    assert verification.verify(hub, admin).broken_seq == 2


def test_a_dump_restored_on_another_server_is_sealed_on(hub, admin):
    """Where transaction numbers began anew, older events and newer ones are all sealed once."""
    add(hub, 2)
    seal_pending(hub)
    add(hub, 2)
    tamper(
        hub,
        "update hub.audit_batches set horizon = horizon + 1000000",
        "update hub.audit_events set tx = tx + 1000000",
    )
    with hub.transaction() as connection:
        batch = audit_chain.last_batch(connection)
    fixed = chain.batch_hash(batch)
    tamper(hub, f"update hub.audit_batches set batch_sm3 = '{fixed}'")
    add(hub, 2)
    seal_pending(hub, size=2)
    add(hub, 1)
    seal_pending(hub)
    assert sorted(linked(hub)) == [1, 2, 3, 4, 5, 6, 7]
    assert verification.verify(hub, admin).holds


def test_closing_a_hub_seals_what_it_wrote(hub, admin):
    """A command's own event is sealed when it ends; nobody has to wait for the standing sealer."""
    sealing.standing(hub, admin)
    hub.closing["audit chain"]()
    with hub.transaction() as connection:
        assert audit_chain.waiting(connection).events == 0
    assert BATCH >= 1000


class Turns:
    """Tells the sealer to stop after so many turns, and never to wait."""

    def __init__(self, turns):
        self.left = turns

    def is_set(self):
        """Says whether the turns are over."""
        self.left -= 1
        return self.left < 0

    def wait(self, seconds):
        """Goes on at once."""


def test_a_sealer_that_meets_an_error_goes_on_and_says_so(hub, monkeypatch, caplog):
    """Whatever a library raises ends one turn; its class is in the log of the process, its words are not."""
    add(hub, 3)
    failures = [ValueError("620403199001011234")]
    seal = sealing.seal_pending

    def sealed(hub):
        if failures:
            raise failures.pop()
        return seal(hub)

    monkeypatch.setattr(sealing, "seal_pending", sealed)
    sealing.watch(hub, Turns(2))
    with hub.transaction() as connection:
        assert audit_chain.waiting(connection).events == 0
    assert "audit sealer: ValueError" in caplog.text and "620403199001011234" not in caplog.text


def test_the_standing_sealer_seals_anchors_and_stops(hub, admin):
    """It seals, signs the day's anchor and stops when told."""
    add(hub, 3)
    stop = threading.Event()
    thread = threading.Thread(target=sealing.watch, args=(hub, stop))
    thread.start()
    for _ in range(100):
        with hub.transaction() as connection:
            if audit_chain.anchors(connection):
                break
        time.sleep(0.05)
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
    found = sealing.standing(hub, admin)
    assert found.last_number >= 3 and found.anchor is not None
