"""Secrets and tokens of machine clients: made, shown once, kept as keyed hashes; and who a shown one belongs to.

A secret has 256 random bits, so that a keyed hash is enough and costs microseconds a call (slow ones guard what people
choose). `sqk_` is an API key, `sqs_` the secret of OAuth2 client credentials, `sqt_` a token of minutes.
"""

import ipaddress
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from catalog.stores import machine_clients as store
from catalog.stores.machine_clients import Client, Credential, Secret
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.keyed.clients import CLIENT_WAYS, required_reason, within
from exchange.keyed.why import MachineActor
from schemas.errors import Denied, InputError, NotFound, StateError
from schemas.rules.book import book

_KINDS = {"key": "sqk", "oauth": "sqs"}
_TOKEN = "sqt"  # noqa: S105 - a prefix
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret at the one moment when it is shown."""

    client: str
    kind: str
    prefix: str
    secret: str
    expires_at: datetime


@use_case("client.secret")
def new_secret(hub: Hub, actor: Actor, client_id: str, kind: str, overlap_hours: int = 24) -> NewSecret:
    """Makes a secret of an active client and shows it once; older ones of its kind end after the overlap (轮换)."""
    most = int(book().number("ROTATION_HOURS"))
    if kind not in _KINDS or not 0 <= overlap_hours <= most:
        raise InputError("密钥种类或并用时间不对", f"key 或 oauth；0至{most}小时", "请改正后重试", code="SECRET_KIND")
    now = hub.clock.now()
    prefix = f"{_KINDS[kind]}_{secrets.token_hex(4)}"
    shown = f"{prefix}_{secrets.token_urlsafe(32)}"
    with hub.transaction() as connection:
        held = within(connection, hub, actor, "client.secret", client_id)
        if held.state != "active" or held.expires_at <= now:
            raise StateError("客户端没有生效", "经主管部门同意且在有效期内", "请先办理同意或延期", code="CLIENT_STATE")
        for each in store.secrets_of(connection, client_id):
            if each.kind == kind and each.revoked_at is None:
                ends = min(each.expires_at, now + timedelta(hours=overlap_hours))
                store.change_secret(connection, each.id, {"expires_at": ends})
        values: dict[str, object] = {"client": client_id, "kind": kind, "prefix": prefix, "hash": hashed(hub, shown)}
        values |= {"created_by": actor.name, "created_at": now, "expires_at": held.expires_at}
        store.add_secret(connection, values)
        record(connection, hub, actor, "client.secret", client_id, detail={"kind": kind, "prefix": prefix})
    return NewSecret(client_id, kind, prefix, shown, held.expires_at)


@use_case("client.revoke_secret")
def revoke_secret(hub: Hub, actor: Actor, client_id: str, prefix: str, reason: str) -> Secret:
    """Voids a secret at once, with the tokens that it got."""
    said = required_reason(reason)
    with hub.transaction() as connection:
        within(connection, hub, actor, "client.revoke_secret", client_id)
        found = [each for each in store.secrets_of(connection, client_id) if each.prefix == prefix]
        if not found:
            raise NotFound("没有这个密钥", "列表中的密钥前缀", "请从列表中选择", code="SECRET_UNKNOWN")
        store.change_secret(connection, found[0].id, {"revoked_at": hub.clock.now()})
        detail = {"prefix": prefix, "reason": said}
        record(connection, hub, actor, "client.revoke_secret", client_id, detail=detail)
    hub.keyed.clear()
    return found[0]


def hashed(hub: Hub, secret: str) -> bytes:
    """Returns the keyed hash by which a secret or token is known."""
    return hub.crypto.keys().lookup_hashes([b"client:" + secret.encode("utf-8", "replace")])[0] or b""


def calling(hub: Hub, shown: str, address: str | None) -> MachineActor:
    """Returns the client of an API key or token; raises Denied, recorded, with one answer whatever is wrong with it."""
    kind = "token" if shown.startswith(f"{_TOKEN}_") else "key"
    mark = _mark(hub, shown)
    found = hub.keyed.fresh(("credential", mark), lambda: _find(hub, kind, mark))
    credential, ends = found if found is not None else (None, None)
    now = hub.clock.now()
    if credential is None or (ends is not None and ends <= now):
        raise _refused(hub, "unknown", None, address)
    client = credential.client
    wrong = _wrong(client, address, now)
    if wrong is not None:
        raise _refused(hub, wrong, client, address)
    if not hub.keyed.within_rate(client.id, client.calls_a_minute):
        _note(hub, "rate", client, address, "RATE")
        raise Denied("调用过于频繁", f"每分钟不超过{client.calls_a_minute}次", "请放慢后重试", code="RATE")
    return _actor(client, credential.prefix, credential.ways, address)


def known(hub: Hub, shown: str, address: str | None) -> MachineActor | None:
    """Returns the client as `calling` does where that asks and records nothing; None: ask `calling`."""
    found = hub.keyed.kept(("credential", _mark(hub, shown)))
    if found is None:
        return None
    (credential, ends), now = found, hub.clock.now()
    client = credential.client
    if (ends is not None and ends <= now) or _wrong(client, address, now) is not None:
        return None
    if not hub.keyed.within_rate(client.id, client.calls_a_minute):
        return None
    return _actor(client, credential.prefix, credential.ways, address)


def _mark(hub: Hub, shown: str) -> bytes:
    return hashed(hub, shown if len(shown) <= _LONGEST else "")


def _actor(client: Client, prefix: str, ways: Collection[str], address: str | None) -> MachineActor:
    return MachineActor(
        client.id, frozenset({"window"}), client.department_code, "api", client.name, "-", client.id, prefix, address,
        frozenset(ways),
    )  # fmt: skip


def _find(hub: Hub, kind: str, mark: bytes) -> tuple[Credential, datetime | None] | None:
    now = hub.clock.now()
    with hub.transaction() as connection:
        if kind == "token":
            return store.by_token(connection, mark, now)
        found = store.by_secret(connection, mark, "key", now)
        return (found[0], None) if found is not None else None


def _wrong(client: Client, address: str | None, now: datetime) -> str | None:
    """Names what stands against a client's calling now, None where nothing does."""
    if client.state != "active" or client.expires_at <= now:
        return client.state if client.state != "active" else "expired"
    return None if allowed_from(client.addresses, address) else "address"


def allowed_from(networks: Sequence[str], address: str | None) -> bool:
    """Says whether an address is within one of the networks."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in ipaddress.ip_network(each) for each in networks)


def _refused(hub: Hub, reason: str, client: Client | None, address: str | None) -> Denied:
    _note(hub, reason, client, address, "CREDENTIAL")
    return Denied("凭证无效，或不能从该地址使用", "", "请核对密钥、有效期和登记的网络地址", code="CREDENTIAL")


def _note(hub: Hub, reason: str, client: Client | None, address: str | None, code: str) -> None:
    department = client.department_code if client else None
    who = MachineActor(client.id if client else "?", frozenset({"window"}), department, "api", address=address)
    with hub.transaction() as connection:
        facts = {"result": "denied", "error_code": code, "detail": {"reason": reason}}
        record(connection, hub, who, "client.token", client.id if client else None, **facts)


def client_of(hub: Hub, client_id: str, secret: str, address: str | None) -> tuple[Client, int] | None:
    """Returns the client of OAuth2 client credentials with the number of its secret; None, recorded, when wrong."""
    now = hub.clock.now()
    with hub.transaction() as connection:
        found = store.by_secret(connection, hashed(hub, secret[:_LONGEST]), "oauth", now)
    if found is None or found[0].client.id != client_id:
        _note(hub, "unknown", None, address, "CREDENTIAL")
        return None
    wrong = _wrong(found[0].client, address, now)
    if wrong is not None:
        _refused(hub, wrong, found[0].client, address)
        return None
    return found[0].client, found[1]


def scopes_of(client: Client, asked: str) -> tuple[str, ...]:
    """Returns the scopes of a token: those asked for among the client's ways; all of them when none is asked for."""
    wanted = asked.split() or list(client.ways)
    return tuple(way for way in CLIENT_WAYS if way in wanted and way in client.ways)


def issue(hub: Hub, client: Client, secret_id: int, scope: str, token: str) -> None:
    """Records a token by its hash, and who got it."""
    now = hub.clock.now()
    seconds = token_seconds()
    with hub.transaction() as connection:
        values = {"hash": hashed(hub, token), "client": client.id, "secret": secret_id}
        values |= {"ways": scope.split(), "created_at": now, "ends_at": now + timedelta(seconds=seconds)}
        store.add_token(connection, values, now)
        actor = _actor(client, "oauth", client.ways, None)
        record(connection, hub, actor, "client.token", client.id, detail={"scope": scope})


def token_seconds() -> int:
    """Returns how long a token lasts."""
    return int(book().number("TOKEN_MINUTES") * 60)


def new_token() -> str:
    """Makes a token of 256 random bits."""
    return f"{_TOKEN}_{secrets.token_urlsafe(32)}"
