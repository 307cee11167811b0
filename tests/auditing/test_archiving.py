"""Retention: nothing younger than 183 days goes, personal access stays three years; what goes was verified first."""

import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from exchange.auditing import archiving, verification
from exchange.auditing.anchors import make_anchor
from exchange.auditing.chain import seal_pending
from exchange.auditing.export import SCRIPT
from exchange.hub import open_hub
from exchange.settings import Settings
from schemas.errors import HubError, StateError, StorageError
from tests.auditing.conftest import AUDITOR, SECURITY, add, tamper

NOW = datetime.now(UTC)


@pytest.fixture
def old(hub, clock):
    """A log of three days: four years, 300 days and today, each a batch and an anchor of its own."""
    for days in (1500, 300, 0):
        clock.moment = NOW - timedelta(days=days)
        add(hub, 4, subject_key_hashes=["ab" * 32] if days != 300 else [])
        seal_pending(hub)
        make_anchor(hub, SECURITY)
    return hub


def day(days: int) -> date:
    """Returns the date so many days ago."""
    return (NOW - timedelta(days=days)).astimezone(ZoneInfo("Asia/Shanghai")).date()


def count(hub) -> int:
    """Counts the events in the database."""
    with hub.transaction() as connection:
        return int(connection.execute(text("select count(*) from hub.audit_events")).scalar_one())


def test_old_batches_go_and_the_chain_goes_on(old, clock):
    """What is older than a day is exported, verified and removed; the log verifies from the archive's last link."""
    before = count(old)
    made = archiving.archive(old, AUDITOR, day(400))
    assert made.records == 5 and count(old) == before - 5 + 3  # asked, verified, archived: three events
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(made.folder / SCRIPT), str(made.folder), "--require-anchor"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    found = verification.verify(old, AUDITOR)
    assert found.holds and found.archived == 5
    clock.forward(seconds=1)
    again = archiving.archive(old, AUDITOR, day(200))  # without personal access, 300 days are enough
    assert again.first_batch == made.last_batch + 1
    manifest = json.loads((again.folder / "manifest.json").read_text(encoding="utf-8"))
    first = json.loads((made.folder / "manifest.json").read_text(encoding="utf-8"))
    last = next(each for each in first["batches"] if each["number"] == made.last_batch)
    assert manifest["prev_sm3"] == last["head_sm3"]
    add(old, 2)
    seal_pending(old)
    assert verification.verify(old, AUDITOR).holds
    tamper(old, "update hub.audit_events set actor_id = 'x' where seq = (select max(seq) - 4 from hub.audit_events)")
    assert not verification.verify(old, AUDITOR).holds


def test_what_is_young_stays(old):
    """A day within 183 days is refused with the latest one that may be given; nothing is removed."""
    before = count(old)
    with pytest.raises(StateError, match="未满 183 天") as caught:
        archiving.archive(old, AUDITOR, day(182))
    assert str(day(183))[:7] in str(caught.value) and count(old) == before + 1
    assert archiving.archive(old, AUDITOR, day(184)).records


def test_access_to_personal_data_stays_three_years(hub, clock):
    """A batch with a person's key hash of 300 days ago is kept, whatever day is asked for."""
    clock.moment = NOW - timedelta(days=300)
    add(hub, 2, subject_key_hashes=["ab" * 32])
    seal_pending(hub)
    make_anchor(hub, SECURITY)
    clock.moment = NOW
    with pytest.raises(StateError, match="未满 1096 天的个人信息"):
        archiving.archive(hub, AUDITOR, day(200))
    assert not archiving.archives(hub).exists()


def test_rows_of_a_query_are_access_to_personal_data(hub, clock):
    """A query that handed granted rows out is kept as long as a look-up; one that gave none is not."""
    clock.moment = NOW - timedelta(days=300)
    add(hub, 2, items=["name"], row_count=0, detail={"use_case": "query.run"})
    seal_pending(hub)
    add(hub, 1, items=["name"], row_count=20, detail={"use_case": "query.run"})
    seal_pending(hub)
    make_anchor(hub, SECURITY)
    clock.moment = NOW
    made = archiving.archive(hub, AUDITOR, day(200))
    assert (made.first_batch, made.last_batch, made.records) == (1, 1, 2)


@pytest.mark.parametrize("removed", [True, False])
def test_an_archive_whose_commit_was_not_heard_of_stays(old, monkeypatch, removed):
    """When the answer of the removal is lost, the folder goes only if the database still has its records."""
    remove = archiving._remove

    def unheard(*arguments):
        if removed:
            remove(*arguments)
        raise StorageError("连接中断", "", "")

    monkeypatch.setattr(archiving, "_remove", unheard)
    with pytest.raises(StorageError):
        archiving.archive(old, AUDITOR, day(400))
    left = list(archiving.archives(old).iterdir())
    assert [(each / "manifest.json").exists() for each in left] == [True] * removed
    found = verification.verify(old, AUDITOR)
    assert found.holds and found.archived == (5 if removed else 0)


def test_a_log_that_does_not_verify_is_not_archived(old):
    """Before anything is removed the whole log is verified."""
    tamper(old, "update hub.audit_events set actor_id = 'x' where seq = 2")
    before = count(old)
    with pytest.raises(StateError, match="核验不通过"):
        archiving.archive(old, AUDITOR, day(400))
    assert count(old) > before and not archiving.archives(old).exists()


def test_without_an_anchor_nothing_is_archived(hub, clock):
    """An archive without a signature that covers it would prove nothing."""
    clock.moment = NOW - timedelta(days=300)
    add(hub, 2)
    seal_pending(hub)
    clock.moment = NOW
    with pytest.raises(StateError, match="还没有锚点"):
        archiving.archive(hub, AUDITOR, day(200))


def test_the_database_refuses_young_records_by_itself(old, monkeypatch):
    """Even a program that asks for more, or deletes beside the function, gets nothing younger than 183 days."""
    with old.transaction() as connection:
        last = connection.execute(text("select number, head_sm3 from hub.audit_batches order by number desc")).first()
    for statement in (
        f"select hub.archive_audit_batches({last.number}, '{last.head_sm3}', 'x', 'y', 'me')",
        f"select hub.archive_audit_batches(1, '{'0' * 64}', 'x', 'y', 'me')",
        "delete from hub.audit_events where ts < now() - interval '1000 days'",
        "insert into hub.audit_archives (last_batch, last_number, head_sm3, name, manifest_sm3, events, archived_by, "
        "archived_at) values (9, 99, '', '', '', 1, '', now()); delete from hub.audit_events",
    ):
        with pytest.raises(HubError), old.transaction() as connection:
            connection.execute(text(statement))
    monkeypatch.setattr(archiving, "_refuse_young", lambda hub, before: None)
    monkeypatch.setattr(archiving, "_last_batch", lambda hub, before: _newest(old))
    before = count(old)
    with pytest.raises(StateError, match="数据库拒绝移除"):
        archiving.archive(old, AUDITOR, day(0))
    assert count(old) == before + 2
    assert not list(archiving.archives(old).iterdir())


def _newest(hub):
    from catalog.stores import audit_chain  # noqa: PLC0415

    with hub.transaction() as connection:
        return audit_chain.last_batch(connection)


def test_a_hub_of_its_own_settings_keeps_the_folder(tmp_path, database_url):
    """Key, anchors and archives have their places under `var`, the key apart from the data keys."""
    settings = Settings(var=tmp_path / "v", database_url=database_url)
    with open_hub(settings) as hub:
        make_anchor(hub, SECURITY)
        assert hub.settings.audit_key.parent != hub.settings.key_file.parent
        assert hub.settings.audit_key.parent.stat().st_mode & 0o777 == 0o700
        assert (hub.settings.audit / "anchor-public.json").exists()
