"""The key that signs anchors: its own file, apart from the hub's data keys, of the security administrator.

`international` signs with Ed25519: the public half lies beside the anchors and is in every export, so that anybody can
verify. `gm` computes HMAC-SM3: whoever verifies needs the key. Shows no secret.
"""

import hmac
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from exchange.crypto import KeyedHash, ed25519_fits, ed25519_public, ed25519_sign, sm3
from exchange.hub import Hub
from schemas.errors import SetupError

_ALGORITHMS = {"international": "ed25519", "gm": "hmac-sm3"}


@dataclass(frozen=True, slots=True)
class AnchorKey:
    """A key that signs anchors. `key_id` begins the SM3 of what identifies it; `public` is empty for HMAC."""

    algorithm: str
    key_id: str
    public: str
    secret: bytes = field(repr=False)

    def sign(self, message: bytes) -> str:
        """Returns the signature in hexadecimal."""
        if self.algorithm == "hmac-sm3":
            return KeyedHash("gm", self.secret).digest(message).hex()
        return ed25519_sign(self.secret, message).hex()


def exists(hub: Hub) -> bool:
    """Says whether this process can read the key: where it is the security administrator's alone, it can't."""
    return os.access(hub.settings.audit_key, os.R_OK)


def load_or_create(hub: Hub) -> AnchorKey:
    """Reads the key; makes it when there is none. Raises SetupError when others can read it."""
    path = hub.settings.audit_key
    if not path.exists():
        _create(path, _ALGORITHMS[hub.settings.crypto_suite])
    key = read(path)
    if key.public:
        published = hub.settings.audit / "anchor-public.json"
        if not published.exists():
            published.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            facts = {"algorithm": key.algorithm, "key_id": key.key_id, "public": key.public}
            published.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return key


def read(path: Path) -> AnchorKey:
    """Reads the key file; raises SetupError."""
    if path.stat().st_mode & 0o077:
        raise SetupError(
            f"锚点密钥文件 {path} 可被其他用户读取",
            "只允许所有者读写（0600）",
            f"请执行 chmod 600 {path} 并核查是否泄露",
            code="KEY_FILE_MODE",
        )
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        algorithm, secret = str(facts["algorithm"]), bytes.fromhex(facts["secret"])
        if algorithm not in _ALGORITHMS.values() or len(secret) != 32:
            raise ValueError(algorithm)
    except (OSError, ValueError, KeyError, TypeError):
        raise SetupError(
            f"锚点密钥文件 {path} 无法读取", "应为本平台生成的密钥文件", "请从安全管理员的备份恢复", code="KEY_FILE"
        ) from None
    public = ed25519_public(secret).hex() if algorithm == "ed25519" else ""
    shown = bytes.fromhex(public) if public else KeyedHash("gm", secret).digest(b"shuqiao:audit-anchor:key-id")
    return AnchorKey(algorithm, sm3(shown).hex()[:16], public, secret)


def _create(path: Path, algorithm: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump({"algorithm": algorithm, "secret": secrets.token_hex(32)}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)  # of two first uses at once one wins
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


@dataclass(frozen=True, slots=True)
class Verifier:
    """Checks signatures with what this process has: the public key, or the HMAC key where it may read it."""

    public: dict[str, str]
    key: AnchorKey | None

    def fits(self, algorithm: str, key_id: str, message: bytes, signature: str) -> bool | None:
        """Says whether the signature is right; None when this process has no key to check it with."""
        try:
            given = bytes.fromhex(signature)
        except ValueError:
            return False
        if algorithm == "ed25519" and key_id in self.public:
            return ed25519_fits(bytes.fromhex(self.public[key_id]), message, given)
        if algorithm == "hmac-sm3" and self.key is not None and self.key.key_id == key_id:
            return hmac.compare_digest(self.key.sign(message), signature)
        return None


def verifier(hub: Hub) -> Verifier:
    """Returns the checks that this process can make; takes no key from the database, which it is to judge."""
    public: dict[str, str] = {}
    key = read(hub.settings.audit_key) if exists(hub) else None
    try:
        facts = json.loads((hub.settings.audit / "anchor-public.json").read_text(encoding="utf-8"))
        public[str(facts["key_id"])] = str(facts["public"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    if key is not None and key.public:
        public[key.key_id] = key.public
    return Verifier(public, key)
