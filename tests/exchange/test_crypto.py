"""Keyed hashes, seals and frames in both suites, against published vectors."""

import hmac
import pickle
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange import crypto
from exchange.crypto import Crypto, KeyedHash, sm3, suite_works
from exchange.keyfile import RootKey, add_generation, load_or_create
from schemas.errors import SealBroken, SetupError

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SUITES = ("international", "gm")


def make(suite, generations=1):
    """Builds a Crypto with fixed secrets."""
    return Crypto(suite, tuple(RootKey(n, "", bytes([n]) * 32) for n in range(1, generations + 1)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("111:620402199003079879", "4c11845d8e76af500468db59cd009998b7a0dfc4d06bf81fa3d0d1e84914f518"),
        ("001:91620400XX00A0013M", "528743b047c0986ef5a4eb04a29d2f50c4550c6ccf2b41bbe2c683d5005d1a96"),
    ],
)
def test_lookup_vectors(text, expected):
    """HMAC-SM3 of type and key under the key 00..1f gives the published vectors."""
    assert KeyedHash("gm", bytes(range(32))).digest(text.encode()).hex() == expected


def test_sm3_and_sm4_vectors():
    """SM3 of abc and the SM4 sample of the standard come out right on this machine."""
    assert sm3(b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    block = bytes.fromhex("0123456789abcdeffedcba9876543210")
    worker = Cipher(algorithms.SM4(block), modes.ECB()).encryptor()  # noqa: S305 - the standard's vector is ECB
    assert worker.update(block).hex() == "681edf34d206965e86b3e94f536e4246"


def test_sm3_without_hashlib(monkeypatch):
    """Where hashlib hides SM3 the hub takes it from cryptography with the same result."""
    expected = KeyedHash("gm", b"k").digest(b"message")

    def refuse(name, data=b""):
        raise ValueError(name)

    monkeypatch.setattr(crypto.hashlib, "new", refuse)
    assert KeyedHash("gm", b"k").digest(b"message") == expected


@settings(max_examples=40)
@given(key=st.binary(max_size=100), message=st.binary(max_size=300))
def test_keyed_hash_is_hmac(key, message):
    """The copied states give exactly HMAC, for keys shorter and longer than a block."""
    assert KeyedHash("international", key).digest(message) == hmac.new(key, message, "sha256").digest()
    assert KeyedHash("gm", key).digests([message]) == [hmac.new(key, message, "sm3").digest()]


@pytest.mark.parametrize("suite", SUITES)
def test_seal_round_trip_and_pickle(suite):
    """What one process sealed another opens after pickling; both never give the same bytes twice."""
    seal = make(suite).seal()
    other = pickle.loads(pickle.dumps(seal))  # noqa: S301
    first, second = seal.seal([b"a", b"a"], [b"x", b"x"])
    assert first != second
    assert other.open([first, second], [b"x", b"x"]) == [b"a", b"a"]


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("damage", ["flip", "cut", "moved", "no_kid", "bad_kid", "empty"])
def test_a_damaged_seal_is_refused(suite, damage):
    """A value that was changed, cut, moved to another row or given another key raises SealBroken."""
    seal = make(suite).seal()
    value = seal.seal([b"secret"], [b"row 1"])[0]
    bound = b"row 2" if damage == "moved" else b"row 1"
    damaged = {
        "flip": value[:-1] + bytes([value[-1] ^ 1]),
        "cut": value[:-1],
        "moved": value,
        "no_kid": value.partition(b":")[2].replace(b":", b""),
        "bad_kid": b"z9:" + value.partition(b":")[2],
        "empty": b"",
    }[damage]
    with pytest.raises(SealBroken):
        seal.open([damaged], [bound])


@pytest.mark.parametrize("suite", SUITES)
def test_older_generations_and_the_other_suite_stay_readable(suite):
    """A new generation or another suite still opens what was sealed before; a lost generation is named."""
    old = make(suite).seal().seal([b"v"], [b"b"])
    for newer in (make(suite, 2), make("gm" if suite == "international" else "international", 2)):
        assert newer.seal().open(old, [b"b"]) == [b"v"]
    lost = Crypto(suite, make(suite, 2).roots[1:])
    with pytest.raises(SealBroken, match="第1代"):
        lost.seal().open(old, [b"b"])


@pytest.mark.parametrize("suite", SUITES)
def test_purposes_have_separate_keys(suite):
    """A frame does not open as a row seal, and look-up and digest hashes of one text differ."""
    own = make(suite)
    assert own.keys().lookup_hashes([b"t", None])[0] != own.keys().digests([b"t"])[0]
    assert own.keys().lookup_hashes([None]) == [None]
    frame = own.frames().encrypt(b"frame", b"part 1")
    assert pickle.loads(pickle.dumps(own.frames())).decrypt(frame, b"part 1") == b"frame"  # noqa: S301
    with pytest.raises(SealBroken):
        own.seal().open([frame], [b"part 1"])


def test_keys_rebuild_in_a_worker():
    """Keys survive pickling with suite and generation."""
    keys = make("gm", 3).keys()
    copy = pickle.loads(pickle.dumps(keys))  # noqa: S301
    assert (copy.suite, copy.generation) == ("gm", 3)
    assert copy.digests([b"r"]) == keys.digests([b"r"])


def test_no_secret_in_any_repr():
    """The representation of keys shows no secret."""
    own = make("gm")
    assert "\\x01" not in repr(own) and "\\x01" not in repr(own.roots[0])


def test_key_file_is_made_once_and_private(tmp_path: Path):
    """The key file is made on first use with mode 0600; a second use reads the same keys."""
    path = tmp_path / "secrets" / "keys.json"
    first = load_or_create(path, NOW)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_or_create(path, NOW) == first
    assert [p.name for p in path.parent.iterdir()] == ["keys.json"]
    added = add_generation(path, NOW)
    assert [key.generation for key in load_or_create(path, NOW)] == [1, 2]
    assert added.secret != first[0].secret


def test_key_file_open_to_others_or_broken_is_refused(tmp_path: Path):
    """A key file that others can read, or that is not one, stops the hub in plain words."""
    path = tmp_path / "keys.json"
    load_or_create(path, NOW)
    path.chmod(0o644)
    with pytest.raises(SetupError, match="0600"):
        load_or_create(path, NOW)
    for text in ("{}", '{"keys": []}', '{"keys": [{"generation": 1, "created_at": "", "secret": "00"}]}', "not json"):
        path.write_text(text)
        path.chmod(0o600)
        with pytest.raises(SetupError, match="无法读取"):
            load_or_create(path, NOW)


@pytest.mark.parametrize("suite", SUITES)
def test_suite_works_here(suite):
    """Both suites work with the OpenSSL in use."""
    assert suite_works(suite)
