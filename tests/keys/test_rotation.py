"""A new key seals at once, old data stay readable, re-encryption may die anywhere, an old key goes when unused."""

import json
import multiprocessing
import pkgutil
from datetime import timedelta
from importlib import import_module

import pytest
from sqlalchemy import LargeBinary, text

import catalog
from catalog.stores import accounts
from catalog.stores import audit as audit_store
from catalog.tables import metadata
from exchange import connections, datasets, reviews, upload_files
from exchange.access import Actor
from exchange.credentials import SecondFactor, open_factor, seal_factor
from exchange.crypto import Crypto, HubKeys, hash_keys
from exchange.delivery import work
from exchange.faults import KEY_POINTS
from exchange.hub import open_hub
from exchange.keyfile import KeyRing, add_generation, hash_key, load_or_create, remove_generation
from exchange.keys import rotation
from exchange.keys.sealed import HASHED, PUBLIC, SEALED
from exchange.keys.usage import scan
from lake.table import LakeTable
from schemas.errors import Denied, InputError, SealBroken, StateError
from tests.delivery.conftest import ADMIN, HandClock
from tests.delivery.stand_ins import CONSUMER, standing
from tests.exchange.small_city import citizen_id, person
from tests.keys import key_driver
from tests.reading import look_up, select

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.keys.key_driver"])
NOW = HandClock().now()


def test_every_column_of_bytes_is_named():
    """Each column of bytes is sealed, hashed or public by name: a new one that nobody names here fails this test."""
    for module in pkgutil.iter_modules(catalog.__path__):
        if module.name.startswith("tables"):
            import_module(f"catalog.{module.name}")  # each adds to the metadata
    declared = {
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }
    named = [each.name for each in SEALED] + [f"{column.table.name}.{column.name}" for column in (*HASHED, *PUBLIC)]
    assert len(declared) > 5 and sorted(declared) == sorted(named)
    assert not [name for name in declared if "sealed" in name and name not in {each.name for each in SEALED}]


@pytest.fixture
def full(hub, to_folder, police, publish):
    """A hub with a value in every place: two versions, a rejected row, a subscription with an open batch, a file."""
    police.put([person(41), person(5, version=3), person(6) | {"csrq": "2026-13-40"}])
    publish()
    identifier, _ = to_folder(receipt="file")
    work.prepare(hub, ADMIN, identifier, grants=standing())
    upload_files.keep(hub, "person", "u1", b"workbook")
    return hub, identifier


def keys_in_use(hub):
    """Returns the keys by place."""
    found = {}
    for use in scan(hub):
        found.setdefault(use.place, set()).add(use.key)
    return found


def rows(hub):
    """Reads the dataset, opened."""
    return select(hub, "select citizen_id, name from person order by 1")


def test_a_new_key_seals_at_once_and_everything_stays_readable(full, copied):
    """After a rotation an open hub seals under the new key, opens what is old, and finds persons as before."""
    hub, _ = full
    settings, _ = copied
    before, seen = rows(hub), look_up(hub, "person", citizen_id(5)).rows
    with open_hub(settings, HandClock()) as other:
        views = rotation.rotate(hub, ADMIN, "年度更换")
        assert [(view.seals, view.hashes) for view in views] == [(False, True), (True, False)]
        connections.set_connection(other, ADMIN, "later", "postgresql://u:p@h/d")
        assert connections.url_of(hub, "later").endswith("@h/d")
        assert keys_in_use(other)["connections.sealed_url"] == {"i1", "i2"}
        assert rows(other) == before
    assert look_up(hub, "person", citizen_id(5)).rows == seen != []


def test_syncs_go_on_after_a_rotation(full, police, publish):
    """A sync after a rotation changes what has changed and nothing else: row keys and digests are as before."""
    hub, _ = full
    rotation.rotate(hub, ADMIN, "年度更换")
    police.put([person(44)])
    done = publish()
    assert (done.inserted, done.updated, done.deleted, done.unchanged) == (1, 0, 0, 40)
    assert keys_in_use(hub)["serving.person"] == {"i1", "i2"}


def test_reencryption_leaves_nothing_but_what_retention_removes(full, publish, police):
    """After re-encryption only files of old versions are under the old key, and content and history are as before."""
    hub, identifier = full
    before, version = rows(hub), datasets.versions(hub, ADMIN, "person")
    rotation.rotate(hub, ADMIN, "年度更换")
    done = rotation.reencrypt(hub, ADMIN)
    assert {"connections.sealed_url", "subscriptions.sealed_place", "serving.person", "lake/tables/person",
            "lake/quarantine/person", "lake/landing/person", "outbox", "uploads"} <= done.places.keys()  # fmt: skip
    old = {place for place, keys in keys_in_use(hub).items() if "i1" in keys}
    assert old == {"lake/tables/person", "lake/tables/person__changes"} and done.left > 0
    assert rows(hub) == before and datasets.versions(hub, ADMIN, "person") == version
    assert look_up(hub, "person", citizen_id(5)).rows
    assert upload_files.kept(hub, "person", "u1") == b"workbook"
    assert work.send(hub, ADMIN, identifier, grants=standing()).state == "sent"
    assert rotation.reencrypt(hub, ADMIN).places == {}
    police.put([person(45)])
    assert publish().inserted == 1
    assert len(rows(hub)) == len(before) + 1


def test_a_feed_goes_on_over_a_reencryption(hub, to_folder, police, publish):
    """A subscription that was at a version before the re-encryption gets changes alone after it."""
    identifier, _ = to_folder()
    work.run(hub, ADMIN, identifier, grants=standing())
    police.put([person(51)])
    publish()
    rotation.rotate(hub, ADMIN, "年度更换")
    rotation.reencrypt(hub, ADMIN)
    done = work.run(hub, ADMIN, identifier, grants=standing())
    assert (done.kind, done.rows) == ("changes", 1)


def vacuum(hub):
    """Clears old versions as retention does when their time is over."""
    LakeTable(hub.settings.lake_root, "person").vacuum(hours=0)


def test_a_key_goes_only_when_nothing_uses_it(full):
    """Retiring is refused with the places that use the key; unused, the secret goes and look-ups still work."""
    hub, _ = full
    before = rows(hub)
    with pytest.raises(StateError, match="KEY_IN_USE"):
        rotation.retire(hub, ADMIN, 1, "年度更换")
    rotation.rotate(hub, ADMIN, "年度更换")
    with pytest.raises(StateError, match=r"subscriptions\.sealed_place"):
        rotation.retire(hub, ADMIN, 1, "年度更换")
    rotation.reencrypt(hub, ADMIN)
    with pytest.raises(StateError, match="lake/tables/person"):
        rotation.retire(hub, ADMIN, 1, "年度更换")
    vacuum(hub)
    secret = hub.crypto.roots[0].secret.hex()
    assert secret in hub.settings.key_file.read_text()
    views = rotation.retire(hub, ADMIN, 1, "年度更换")
    assert [(view.generation, view.retired, view.hashes) for view in views] == [(1, True, True), (2, False, False)]
    assert secret not in hub.settings.key_file.read_text()
    assert rows(hub) == before and look_up(hub, "person", citizen_id(5)).rows
    with pytest.raises(StateError, match="KEY_UNKNOWN"):
        rotation.retire(hub, ADMIN, 1, "年度更换")
    rotation.rotate(hub, ADMIN, "再次更换")
    rotation.reencrypt(hub, ADMIN)
    vacuum(hub)
    assert [view.generation for view in rotation.retire(hub, ADMIN, 2, "再次更换")] == [1, 3]
    assert rows(hub) == before


def test_only_the_security_administrator_may_and_all_is_in_the_log(hub):
    """Other roles are refused; each act is recorded with its reason, which must be given; no key is in the log."""
    for role in ("data_admin", "system_admin", "audit_admin"):
        with pytest.raises(Denied):
            rotation.rotate(hub, Actor("x", frozenset({role})), "r")
    with pytest.raises(InputError, match="REASON"):
        rotation.rotate(hub, ADMIN, " ")
    rotation.rotate(hub, Actor("anquan", frozenset({"security_admin"})), "年度更换")
    with hub.transaction() as connection:
        events = [each.event for each in audit_store.read(connection)]
    acts = [event for event in events if event.object_type == "keys"]
    assert [(event.actor_id, event.result) for event in acts] == [
        ("x", "denied"), ("x", "denied"), ("x", "denied"), ("anquan", "success"),
    ]  # fmt: skip
    assert acts[-1].detail["reason"] == "年度更换" and acts[-1].action == "KEY_USE"
    assert not [root for root in hub.crypto.roots if root.secret.hex() in repr(events)]


def killed(settings, act, fault=None):
    """Does an act in a forked process; returns exit code and outcome."""
    path = settings.var.parent / "outcome.json"
    path.unlink(missing_ok=True)
    url = settings.database_url.get_secret_value()
    process = FORKS.Process(target=key_driver.work, args=(settings.var, url, act, fault))
    process.start()
    process.join(120)
    return process.exitcode, json.loads(path.read_text()) if path.exists() else None


def test_a_reencryption_killed_anywhere_goes_on(full, copied):
    """Killed after each step in turn, it goes on with what is left; content is as before, the old key can go."""
    hub, _ = full
    settings, _ = copied
    before = rows(hub)
    rotation.rotate(hub, ADMIN, "年度更换")
    for point in KEY_POINTS[:-1]:
        assert killed(settings, "reencrypt", f"{point}:kill")[0] == -9, point
        assert rows(hub) == before
    assert killed(settings, "reencrypt")[0] == 0
    vacuum(hub)
    assert all(keys == {"i2"} for keys in keys_in_use(hub).values())
    assert killed(settings, "retire", "keys.retiring:kill")[0] == -9
    assert killed(settings, "retire") == (0, {"keys": 2})
    assert rows(hub) == before and look_up(hub, "person", citizen_id(5)).rows


def test_a_damaged_value_stops_and_is_not_lost(hub):
    """A value that cannot be opened stops the re-encryption in plain words and stays as it is."""
    rotation.rotate(hub, ADMIN, "年度更换")
    with hub.transaction() as connection:
        query = "update hub.connections set sealed_url = set_byte(sealed_url, 30, get_byte(sealed_url, 30) # 1)"
        connection.execute(text(query))
    with pytest.raises(SealBroken):
        rotation.reencrypt(hub, ADMIN)
    assert "i1" in keys_in_use(hub)["connections.sealed_url"]


def test_limited_steps_go_on_next_time(hub):
    """With no time left after the first step the rest waits; repeated, it ends."""
    rotation.rotate(hub, ADMIN, "年度更换")
    first = rotation.reencrypt(hub, ADMIN, seconds=0)
    assert len(first.places) == 1 and first.left > 0
    for _ in range(40):
        if not rotation.reencrypt(hub, ADMIN, seconds=0).places:
            break
    else:
        raise AssertionError("it never ends")


@pytest.mark.parametrize("suite", ["international", "gm"])
def test_hashes_stay_over_rotation_and_retirement(tmp_path, suite):
    """Look-up and digest hashes are the same before and after a rotation and after the secret's retirement."""
    path = tmp_path / "keys.json"
    ring = KeyRing(path, NOW)
    own = Crypto(suite, ring)
    before = own.keys().lookup_hashes([b"111:x"]), own.keys().digests([b"r"])
    sealed = own.seal().seal([b"v"], [b"b"])
    add_generation(path, NOW + timedelta(days=1))
    assert own.generation == 2 and HubKeys(own).generation == 1
    assert (own.keys().lookup_hashes([b"111:x"]), own.keys().digests([b"r"])) == before
    assert own.seal().open(sealed, [b"b"]) == [b"v"] and own.seal().seal([b"v"], [b"b"])[0][:3] in {b"i2.", b"g2."}
    remove_generation(path, 1, hash_keys(load_or_create(path, NOW)[0].secret))
    assert (own.keys().lookup_hashes([b"111:x"]), own.keys().digests([b"r"])) == before
    assert hash_key(load_or_create(path, NOW)).generation == 1
    with pytest.raises(SealBroken, match="KEY_GONE"):
        own.seal().open(sealed, [b"b"])
    with pytest.raises(StateError, match="KEY_IN_USE"):
        remove_generation(path, 2, {})


def test_second_factors_and_signed_sheets_survive_a_reencryption(hub):
    """The sealed second factor of an account and the scan of a review open after a re-encryption as before."""
    factor, at = SecondFactor("SECRETSECRET", ("hash",)), hub.clock.now()
    scan_sealed = hub.crypto.seal("connections").seal([b"scan"], [reviews._bound("person", 1, "leader", at)])[0]
    review = {
        "dataset": "person", "version": 1, "kind": "leader", "person": "张", "reviewed_on": at.date(),
        "opinion": "同意", "scan_sealed": scan_sealed, "recorded_by": "li", "recorded_at": at,
    }  # fmt: skip
    with hub.transaction() as connection:
        _insert_account(connection, seal_factor(hub, "a1", factor))
        number = connection.execute(
            metadata.tables["hub.entry_reviews"].insert().values(**review)
        ).inserted_primary_key[0]
    rotation.rotate(hub, ADMIN, "年度更换")
    assert {"accounts.totp_sealed", "entry_reviews.scan_sealed"} <= rotation.reencrypt(hub, ADMIN).places.keys()
    with hub.transaction() as connection:
        account = accounts.find(connection, "a1")
    assert open_factor(hub, account) == factor
    assert reviews.show_scan(hub, ADMIN, "person", number).content == b"scan"


def _insert_account(connection, sealed):
    table = metadata.tables["hub.accounts"]
    values = {"id": "a1", "totp_sealed": sealed, "department_code": CONSUMER}
    for column in table.columns:
        if column.name in values or column.nullable or column.server_default is not None:
            continue
        kind = column.type.python_type
        values[column.name] = {str: "x1", int: 0, bool: False}.get(kind, NOW)
    connection.execute(table.insert().values(**values))
