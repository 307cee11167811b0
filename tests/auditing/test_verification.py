"""Verifying: an edited, deleted, moved or cut-off record is found and named; so is a chain made anew, by the anchor."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import text

from catalog.stores import audit_chain
from exchange.auditing import anchors, chain, verification
from exchange.auditing.anchors import make_anchor, path_of
from exchange.auditing.chain import seal_pending
from exchange.settings import Settings
from schemas.errors import SetupError
from tests.auditing.conftest import SECURITY, add, tamper


@pytest.fixture
def logged(hub):
    """Ten sealed events in three batches, an anchor over them, and two later events in a batch after the anchor."""
    add(hub, 10)
    seal_pending(hub, size=4)
    make_anchor(hub, SECURITY)  # its own event, 11, is sealed before it signs
    add(hub, 2)
    seal_pending(hub)
    return hub


def kinds(found):
    """Lists the faults as (kind, event, link)."""
    return {(fault.kind, fault.seq, fault.number) for fault in found.faults}


def test_a_whole_log_holds(logged, admin):
    """Nothing is found; what is unsealed and what has no anchor yet is said."""
    found = verification.verify(logged, admin)
    assert found.holds and not found.faults and found.broken_seq is None
    assert (found.events, found.anchors, found.unanchored, found.unsealed) == (13, 1, 2, 1)
    add(logged, 3)
    assert verification.verify(logged, admin).unsealed == 5


CHANGES = [
    ("update hub.audit_events set action = 'EXPORT' where seq = 3", ("edited", 3, 3)),
    ("update hub.audit_events set ts = ts + interval '1 second' where seq = 5", ("edited", 5, 5)),
    ("update hub.audit_events set client_ip = '10.0.0.9' where seq = 6", ("edited", 6, 6)),
    ("update hub.audit_events set subject_key_hashes = '{}', case_no = 'x' where seq = 12", ("edited", 12, 12)),
    ("delete from hub.audit_events where seq = 2", ("deleted", 2, 2)),
    ("delete from hub.audit_chain where number = 4", ("deleted", None, 4)),
    ("delete from hub.audit_chain where number = 4", ("unlinked", 4, None)),
    (
        "delete from hub.audit_chain where number = 7; delete from hub.audit_events where seq = 7",
        ("deleted", None, 7),
    ),
    (
        "update hub.audit_chain set seq = case seq when 2 then -3 else -2 end where seq in (2, 3);"
        "update hub.audit_chain set seq = -seq where seq < 0",
        ("moved", 3, 2),
    ),
    (
        "update hub.audit_events set detail = case seq when 8 then '{\"n\": 8}' else '{\"n\": 7}' end::jsonb "
        "where seq in (8, 9)",
        ("moved", 8, 8),
    ),
    ("update hub.audit_batches set head_sm3 = repeat('a', 64) where number = 2", ("edited", None, 5)),
    ("delete from hub.audit_batches where number = 2", ("edited", None, 9)),
    (
        "delete from hub.audit_chain where number > 11; delete from hub.audit_events where seq > 11;",
        ("cut_off", None, 12),
    ),
]
KEPT = ("audit_events", "audit_chain", "audit_batches")


def test_what_was_changed_is_named(logged, admin):
    """Each change is found, with the number of its event or link; put right again, the log holds again."""
    tamper(logged, *(f"create table public.{table} as select * from hub.{table}" for table in KEPT))
    for change, expected in CHANGES:
        tamper(logged, *filter(None, change.split(";")))
        found = verification.verify(logged, admin)
        assert not found.holds and expected in kinds(found), (change, kinds(found))
        for table in KEPT:
            tamper(
                logged,
                f"delete from hub.{table}",
                f"insert into hub.{table} overriding system value select * from public.{table}",
            )
        assert verification.verify(logged, admin).holds, change


def test_a_tail_that_was_cut_off_whole_is_found_by_the_anchor(logged, admin):
    """Events, links, batches and the anchor in the database may all be gone: the anchor file still says it."""
    tamper(
        logged,
        "delete from hub.audit_chain where number > 4",
        "delete from hub.audit_events where seq > 4",
        "delete from hub.audit_batches where number > 1",
        "delete from hub.audit_anchors",
    )
    found = verification.verify(logged, admin)
    assert ("cut_off", None, 5) in kinds(found)
    assert any(fault.kind == "anchor" for fault in found.faults)


def test_a_chain_made_anew_is_found_by_the_anchor(logged, admin):
    """Whoever changes a record and computes every hash again, batches too, cannot sign: the anchor does not fit."""
    tamper(logged, "update hub.audit_events set actor_id = 'nobody' where seq = 3")
    _make_anew(logged)
    found = verification.verify(logged, admin)
    assert {fault.kind for fault in found.faults} == {"rewritten"}
    path_of(logged).unlink()
    assert not verification.verify(logged, admin).holds  # the database's own anchors are looked at too
    tamper(logged, "delete from hub.audit_anchors")
    assert verification.verify(logged, admin).unanchored == 13  # nothing is left to know it by, and that is said


def _make_anew(hub):
    with hub.transaction() as connection:
        events = list(audit_chain.links(connection))
        batches = audit_chain.batches(connection)
    previous, heads, statements = chain.GENESIS, {}, []
    for each, recorded in events:
        digest = chain.hash_of(recorded, previous, 2)
        statements.append(
            f"update hub.audit_chain set prev_sm3 = '{previous}', record_sm3 = '{digest}' where number = {each.number}"
        )
        previous = heads[each.number] = digest
    before = chain.GENESIS
    for batch in batches:
        facts = chain.batch_facts(batch) | {"head_sm3": heads[batch.last_number]}
        digest = chain.link(facts, before)
        statements.append(
            f"update hub.audit_batches set head_sm3 = '{facts['head_sm3']}', prev_sm3 = '{before}', "
            f"batch_sm3 = '{digest}' where number = {batch.number}"
        )
        before = digest
    tamper(hub, *statements)


def test_an_anchor_that_was_changed_is_found(logged, admin):
    """An anchor's line with another day, or of another key, fails its signature; a removed line is missed."""
    line = path_of(logged).read_text(encoding="utf-8")
    facts = json.loads(line)
    path_of(logged).write_text(line.replace(facts["day"], "2026-11-23"), encoding="utf-8")
    assert any("签名不符" in fault.says for fault in verification.verify(logged, admin).faults)
    path_of(logged).write_text(line[:40], encoding="utf-8")
    assert any(fault.kind == "anchor" for fault in verification.verify(logged, admin).faults)
    path_of(logged).write_text("", encoding="utf-8")
    assert any("不在锚点文件" in fault.says for fault in verification.verify(logged, admin).faults)
    make_anchor(logged, SECURITY)  # brings the file up
    assert verification.verify(logged, admin).holds


def test_an_anchor_is_made_once_for_what_has_grown(hub, clock):
    """A chain that has not grown gets no new anchor; each follows the one before and is in the file."""
    first = make_anchor(hub, SECURITY)
    assert first is not None and first.last_number == 1
    clock.forward(days=1)
    second = make_anchor(hub, SECURITY)
    assert (second.number, second.day) == (2, first.day + timedelta(days=1))
    lines = anchors.lines(path_of(hub))
    assert [json.loads(line)["number"] for line in lines] == [1, 2]
    assert path_of(hub).stat().st_mode & 0o777 == 0o600
    assert hub.settings.audit_key.stat().st_mode & 0o777 == 0o600
    assert not anchors.due(hub)
    clock.forward(days=1)
    assert anchors.due(hub)


def test_a_killed_anchor_reaches_the_file_with_the_next(logged):
    """An anchor that is in the database and not in the file is written to the file the next time."""
    path_of(logged).unlink()
    with path_of(logged).open("w", encoding="utf-8") as file:
        file.write('{"half')
    make_anchor(logged, SECURITY)
    lines = path_of(logged).read_text(encoding="utf-8").splitlines()
    assert lines[0] == '{"half' and [json.loads(line)["number"] for line in lines[1:]] == [1, 2]


def test_a_key_that_others_can_read_signs_nothing(hub):
    """The key file must be its owner's alone."""
    make_anchor(hub, SECURITY)
    hub.settings.audit_key.chmod(0o640)
    with pytest.raises(SetupError, match="0600"):
        make_anchor(hub, SECURITY)


def test_the_national_suite_signs_with_hmac_sm3(settings, clock, admin):
    """In `gm` an anchor is an HMAC-SM3; without the key its signature is counted as unchecked, never as right."""
    from exchange.hub import open_hub  # noqa: PLC0415

    facts = settings.model_dump() | {"crypto_suite": "gm", "database_url": settings.database_url}
    with open_hub(Settings(**facts), clock) as hub:
        add(hub, 2)
        assert make_anchor(hub, SECURITY).algorithm == "hmac-sm3"
        assert verification.verify(hub, admin).holds
        line = path_of(hub).read_text(encoding="utf-8")
        path_of(hub).write_text(line.replace('"number":1', '"number":7'), encoding="utf-8")
        assert not verification.verify(hub, admin).holds
        path_of(hub).write_text(line, encoding="utf-8")
        hub.settings.audit_key.rename(hub.settings.audit_key.with_suffix(".away"))
        found = verification.verify(hub, admin)
        assert found.holds and found.unchecked_signatures == 1


def test_verifying_reads_in_bounded_pieces(logged):
    """The chain is streamed: it never stands in memory whole."""
    with logged.transaction() as connection:
        walking = audit_chain.links(connection)
        assert next(walking)[0].number == 1
        connection.execute(text("select 1"))
