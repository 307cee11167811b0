"""All cryptography of the hub: keyed hashes, row seals and frames in two suites. Reads no file and no setting.

`international` is HMAC-SHA-256 and AES-256-GCM, `gm` is HMAC-SM3 and SM4-GCM (GB/T 39786). Every key is derived by HKDF
from a root secret, one for each purpose. A sealed value is `<kid>:<nonce><ciphertext><tag>`; the kid names suite,
generation and sub-key, so that values of older generations and of the other suite stay readable.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, cast

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from exchange.keyfile import RootKey, hash_key
from schemas.errors import SealBroken

Suite = Literal["international", "gm"]
Purpose = Literal["lookup", "digest", "seal", "frames", "connections"]

NONCE_BYTES = 12
TAG_BYTES = 16
_BLOCK_BYTES = 64  # of SHA-256 and of SM3
_LETTER: dict[Suite, str] = {"international": "i", "gm": "g"}
_SUITE: dict[str, Suite] = {letter: suite for suite, letter in _LETTER.items()}


def sm3(data: bytes) -> bytes:
    """Returns the SM3 digest of `data`."""
    return cast(bytes, _hash_state("gm", data).digest())


def sm3_state() -> Any:
    """Returns a running SM3 with hashlib's interface."""
    return _hash_state("gm", b"")


def ed25519_public(secret: bytes) -> bytes:
    """Returns the public key (32 bytes) of an Ed25519 secret (32 bytes)."""
    return Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def ed25519_sign(secret: bytes, message: bytes) -> bytes:
    """Signs a message; the signature has 64 bytes."""
    return Ed25519PrivateKey.from_private_bytes(secret).sign(message)


def ed25519_fits(public: bytes, message: bytes, signature: bytes) -> bool:
    """Says whether a signature is that of the key's holder over the message."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


class _CryptographySm3:
    """SM3 with hashlib's interface, where OpenSSL's legacy configuration hides it from hashlib."""

    def __init__(self, state: hashes.Hash | None = None) -> None:
        self._state = state or hashes.Hash(hashes.SM3())

    def update(self, data: bytes) -> None:
        self._state.update(data)

    def copy(self) -> "_CryptographySm3":
        return _CryptographySm3(self._state.copy())

    def digest(self) -> bytes:
        return self._state.copy().finalize()


def _hash_state(suite: Suite, data: bytes) -> Any:
    if suite == "international":
        return hashlib.sha256(data)
    try:
        return hashlib.new("sm3", data)
    except ValueError:
        state = _CryptographySm3()
        state.update(data)
        return state


class KeyedHash:
    """HMAC under one key. Copies the two precomputed states for each message: twice as fast as `hmac.digest`."""

    def __init__(self, suite: Suite, key: bytes) -> None:
        if len(key) > _BLOCK_BYTES:
            key = _hash_state(suite, key).digest()
        block = key.ljust(_BLOCK_BYTES, b"\0")
        self._inner = _hash_state(suite, bytes(byte ^ 0x36 for byte in block)).copy
        self._outer = _hash_state(suite, bytes(byte ^ 0x5C for byte in block)).copy

    def digest(self, message: bytes) -> bytes:
        """Returns the 32 bytes of the message."""
        return self.digests([message])[0]

    def digests(self, messages: Sequence[bytes]) -> list[bytes]:
        """Returns the 32 bytes of each message."""
        copy_inner, copy_outer = self._inner, self._outer
        out: list[bytes] = []
        append = out.append
        for message in messages:
            inner = copy_inner()
            inner.update(message)
            outer = copy_outer()
            outer.update(inner.digest())
            append(outer.digest())
        return out


def derive(suite: Suite, secret: bytes, purpose: str, length: int = 32) -> bytes:
    """Derives the key of a purpose from a root secret."""
    algorithm: hashes.HashAlgorithm = hashes.SHA256() if suite == "international" else hashes.SM3()
    info = f"shuqiao:{suite}:{purpose}".encode()
    return HKDF(algorithm=algorithm, length=length, salt=None, info=info).derive(secret)


def hash_keys(secret: bytes) -> dict[str, bytes]:
    """Derives the keys of the keyed hashes in both suites: all that must stay of a retired hashing generation."""
    suites: tuple[Suite, ...] = ("international", "gm")
    return {f"{suite}:{use}": derive(suite, secret, use) for suite in suites for use in ("lookup", "digest")}


# A call by key asks for them anew; deriving them took longer than the hash that they are for.
_hash_keys = lru_cache(maxsize=64)(hash_keys)
_keyed_hash = lru_cache(maxsize=64)(KeyedHash)

Encrypt = Callable[[bytes, bytes, bytes], bytes]  # nonce, data, associated -> ciphertext and tag


def _sm4_gcm(key: bytes) -> tuple[Encrypt, Encrypt]:
    algorithm = algorithms.SM4(key)

    def encrypt(nonce: bytes, data: bytes, associated: bytes) -> bytes:
        worker = Cipher(algorithm, modes.GCM(nonce)).encryptor()
        worker.authenticate_additional_data(associated)
        return worker.update(data) + worker.finalize() + worker.tag

    def decrypt(nonce: bytes, data: bytes, associated: bytes) -> bytes:
        worker = Cipher(algorithm, modes.GCM(nonce, data[-TAG_BYTES:])).decryptor()
        worker.authenticate_additional_data(associated)
        return worker.update(data[:-TAG_BYTES]) + worker.finalize()

    return encrypt, decrypt


@lru_cache(maxsize=4096)
def _aead(suite: Suite, secret: bytes, purpose: str) -> tuple[Encrypt, Encrypt]:
    if suite == "international":
        cipher = AESGCM(derive(suite, secret, purpose))
        return cipher.encrypt, cipher.decrypt
    return _sm4_gcm(derive(suite, secret, purpose, 16))


@dataclass(frozen=True)
class Crypto:
    """The suite in use and every generation of the root secret. Picklable, so that a worker process can rebuild it."""

    suite: Suite
    roots: Sequence[RootKey] = field(repr=False)

    @property
    def generation(self) -> int:
        """Returns the generation that seals and signs: the newest."""
        return self.roots[-1].generation

    def keys(self) -> "HubKeys":
        """Returns the keyed one-way functions."""
        return HubKeys(self)

    def seal(self, purpose: Purpose = "seal") -> "HubSeal":
        """Returns the seal of short values."""
        return HubSeal(self, purpose)

    def frames(self) -> "HubFrames":
        """Returns the encryption of landing and quarantine frames."""
        return HubFrames(self)

    def signer(self) -> "HubSigner":
        """Returns the signature key of the generation in use."""
        return HubSigner(self)

    def secret(self, generation: int) -> bytes | None:
        """Returns the root secret of a generation, None when it is not held."""
        for root in self.roots:
            if root.generation == generation:
                return root.secret or None
        return None


class HubKeys:
    """Implements schemas.ports.Keys under the generation that makes the hashes, whichever is the newest."""

    def __init__(self, crypto: Crypto) -> None:
        self._crypto = crypto
        root = hash_key(crypto.roots)
        self._generation, keys = root.generation, root.derived or _hash_keys(root.secret)
        self._lookup = _keyed_hash(crypto.suite, keys[f"{crypto.suite}:lookup"])
        self._digest = _keyed_hash(crypto.suite, keys[f"{crypto.suite}:digest"])

    def __reduce__(self) -> tuple[Any, ...]:
        return HubKeys, (self._crypto,)

    @property
    def suite(self) -> str:
        """Names the suite."""
        return self._crypto.suite

    @property
    def generation(self) -> int:
        """Returns the generation that makes the hashes."""
        return self._generation

    def lookup_hashes(self, texts: Sequence[bytes | None]) -> list[bytes | None]:
        """Hashes each text under the look-up key; null stays null."""
        if None not in texts:
            return cast("list[bytes | None]", self._lookup.digests(cast("Sequence[bytes]", texts)))
        hashed = iter(self._lookup.digests([text for text in texts if text is not None]))
        return [None if text is None else next(hashed) for text in texts]

    def digests(self, rows: Sequence[bytes]) -> list[bytes]:
        """Hashes each row under the digest key."""
        return self._digest.digests(rows)


class HubSeal:
    """Implements schemas.ports.Seal.

    Random 96-bit nonces are safe for about 2^32 values under one key; a hub sealing millions of rows a day would pass
    that within a year. So each object picks one of 65,536 sub-keys, which the kid names.
    """

    def __init__(self, crypto: Crypto, purpose: Purpose) -> None:
        self._crypto = crypto
        self._purpose = purpose
        sub_key = secrets.token_hex(2)
        #: The generation under which this object seals; it opens every one that is held.
        self.generation = crypto.generation
        self._kid = f"{_LETTER[crypto.suite]}{self.generation}.{sub_key}".encode()
        self._opened: dict[bytes, Encrypt] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return HubSeal, (self._crypto, self._purpose)

    def seal(self, plaintexts: Sequence[bytes], associated: Sequence[bytes]) -> list[bytes]:
        """Encrypts each plaintext, bound to its associated data."""
        encrypt = self._aead(self._kid)[0]
        head = self._kid + b":"
        noise = os.urandom(NONCE_BYTES * len(plaintexts))
        nonces = [noise[at : at + NONCE_BYTES] for at in range(0, len(noise), NONCE_BYTES)]
        return [
            head + nonce + encrypt(nonce, plaintext, bound)
            for nonce, plaintext, bound in zip(nonces, plaintexts, associated, strict=True)
        ]

    def open(self, sealed: Sequence[bytes], associated: Sequence[bytes]) -> list[bytes]:
        """Decrypts each value; raises SealBroken when key, value or associated data do not belong together."""
        return [self._open(value, bound) for value, bound in zip(sealed, associated, strict=True)]

    def _open(self, value: bytes, bound: bytes) -> bytes:
        kid, found, body = value.partition(b":")
        if not found or len(body) < NONCE_BYTES + TAG_BYTES:
            raise _broken()
        decrypt = self._opened.get(kid)
        if decrypt is None:
            decrypt = self._opened[kid] = self._aead(kid)[1]
        try:
            return decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], bound)
        except (InvalidTag, ValueError):
            raise _broken() from None

    def _aead(self, kid: bytes) -> tuple[Encrypt, Encrypt]:
        suite, generation, sub_key = _read_kid(kid)
        secret = self._crypto.secret(generation)
        if secret is None:
            raise SealBroken(
                f"封存值使用的密钥第{generation}代不在密钥文件中", "", "请恢复含有该代密钥的密钥文件", code="KEY_GONE"
            )
        return _aead(suite, secret, f"{self._purpose}:{sub_key}")


def _read_kid(kid: bytes) -> tuple[Suite, int, str]:
    try:
        text = kid.decode("ascii")
        name, sub_key = text.split(".")
        return _SUITE[text[0]], int(name[1:]), sub_key
    except (UnicodeDecodeError, ValueError, KeyError, IndexError):
        raise _broken() from None


def generation_of(sealed: bytes) -> str:
    """Names suite and generation of a sealed value as its kid does, such as `i1`; raises SealBroken."""
    suite, generation, _ = _read_kid(sealed[:24].partition(b":")[0])
    return f"{_LETTER[suite]}{generation}"


class HubFrames:
    """Implements schemas.ports.FrameCipher: one sealed value a frame."""

    def __init__(self, crypto: Crypto) -> None:
        self._crypto = crypto
        self._seal = HubSeal(crypto, "frames")

    def __reduce__(self) -> tuple[Any, ...]:
        return HubFrames, (self._crypto,)

    def encrypt(self, frame: bytes, associated: bytes) -> bytes:
        """Encrypts one frame."""
        return self._seal.seal([frame], [associated])[0]

    def decrypt(self, frame: bytes, associated: bytes) -> bytes:
        """Decrypts one frame; raises SealBroken when it was changed, moved or cut."""
        return self._seal.open([frame], [associated])[0]


class HubSigner:
    """Signs manifests under a key of the newest generation (Ed25519, in both suites; its public half is published)."""

    def __init__(self, crypto: Crypto) -> None:
        root = crypto.roots[-1]
        self._key = Ed25519PrivateKey.from_private_bytes(derive(crypto.suite, root.secret, "signature"))
        self.public_key: bytes = self._key.public_key().public_bytes_raw()
        self.key_id = f"{_LETTER[crypto.suite]}{root.generation}-{sm3(self.public_key).hex()[:16]}"

    def sign(self, data: bytes) -> bytes:
        """Returns the 64 bytes of the signature."""
        return self._key.sign(data)


def signature_holds(public_key: bytes, data: bytes, signature: bytes) -> bool:
    """Says whether a signature belongs to the data and the key."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def _broken() -> SealBroken:
    return SealBroken(
        "封存值打不开：密钥、内容与所属位置不相符",
        "封存值只能在原数据集、原行用原密钥打开",
        "请核对密钥文件；如密钥无误，该值已被改动，应从备份恢复",
    )


def suite_works(suite: Suite) -> bool:
    """Says whether this machine's OpenSSL has every primitive of the suite, by doing each once."""
    try:
        crypto = Crypto(suite, (RootKey(1, "", b"\1" * 32),))
        sealed = crypto.seal().seal([b"x"], [b"y"])
        expected = hmac.new(b"k", b"m", "sha256").digest() if suite == "international" else None
        hashed = KeyedHash(suite, b"k").digest(b"m")
        return crypto.seal().open(sealed, [b"y"]) == [b"x"] and expected in {None, hashed}
    except (UnsupportedAlgorithm, ValueError):
        return False
