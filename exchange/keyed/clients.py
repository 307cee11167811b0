"""Use-cases of machine clients (机器客户端): opened by a department, consented to by the authority.

    pending → active ⇄ frozen;  pending → refused;  any → closed

Wider ways, addresses or a longer time need the authority's consent anew; narrower ones bind at once.
"""

import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from catalog.stores import machine_clients as store
from catalog.stores.machine_clients import Client, Secret
from catalog.stores.share_requests import close_tasks_at
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.scope import reach_of
from exchange.tasks import open_task
from schemas.errors import InputError, NotFound, StateError
from schemas.grants import WAYS
from schemas.rules.book import book

CLIENT_WAYS = ("lookup", "reuse", "verify", "compare", "subscription", "interface")
STATE_NAMES = {"pending": "待同意", "active": "有效", "frozen": "已冻结", "refused": "不同意", "closed": "已注销"}
_SHORTEST_REASON = 4


@dataclass(frozen=True, slots=True)
class NewClient:
    """What a client is to be: its name and use, operations, networks (CIDR), days until it expires."""

    name: str
    use: str
    ways: tuple[str, ...]
    addresses: tuple[str, ...]
    days: int
    calls_a_minute: int = 600


@dataclass(frozen=True, slots=True)
class ClientView:
    """A client as its department and the authority see it; never a secret."""

    id: str
    name: str
    department_code: str
    use: str
    state: str
    state_name: str
    ways: Sequence[str]
    way_names: Sequence[str]
    addresses: Sequence[str]
    calls_a_minute: int
    expires_at: datetime
    opened_by: str
    opened_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None
    secrets: Sequence[Secret] = ()


@use_case("client.list")
def list_clients(hub: Hub, actor: Actor) -> list[ClientView]:
    """Lists the clients of the departments within reach."""
    with hub.transaction() as connection:
        found = store.list_of(connection, reach_of(connection, actor).codes)
        record(connection, hub, actor, "client.list", None, row_count=len(found))
    return [_view(each, hub.clock.now()) for each in found]


@use_case("client.show")
def show_client(hub: Hub, actor: Actor, client_id: str) -> ClientView:
    """Shows a client with the prefixes of its secrets; raises NotFound."""
    with hub.transaction() as connection:
        held = within(connection, hub, actor, "client.show", client_id)
        record(connection, hub, actor, "client.show", client_id)
        found = store.secrets_of(connection, client_id)
    return _view(held, hub.clock.now(), found)


def _view(client: Client, now: datetime, found: Sequence[Secret] = ()) -> ClientView:
    over = client.state == "active" and client.expires_at <= now
    return ClientView(
        client.id, client.name, client.department_code, client.use, client.state,
        "已到期" if over else STATE_NAMES[client.state], client.ways,
        [WAYS[way] for way in CLIENT_WAYS if way in client.ways],  # type: ignore[index]

        client.addresses, client.calls_a_minute, client.expires_at, client.opened_by, client.opened_at,
        client.decided_by, client.decided_at, client.reason, found,
    )  # fmt: skip


def within(connection: Connection, hub: Hub, actor: Actor, action: str, client_id: str) -> Client:
    """Returns a client of a department within reach, locked; one of another is as unknown as one that is not there."""
    held = store.find(connection, client_id, locked=True) if client_id.isascii() else None
    if held is None or not reach_of(connection, actor).covers(held.department_code):
        raise NotFound("没有这个机器客户端", "本部门开通的客户端", "请从列表中选择", code="CLIENT_UNKNOWN")
    return held


@use_case("client.open")
def open_client(hub: Hub, actor: Actor, new: NewClient) -> ClientView:
    """Opens a client of one's department, which waits for the authority's consent; raises InputError."""
    ways, addresses, days, calls = _checked(new)
    now = hub.clock.now()
    client = Client(
        id=f"mc{secrets.token_hex(6)}", name=new.name.strip(), department_code=actor.department or "",
        use=new.use.strip(), state="pending", ways=ways, addresses=addresses, calls_a_minute=calls,
        expires_at=now + timedelta(days=days), opened_by=actor.name, opened_at=now, updated_at=now,
    )  # fmt: skip
    with hub.transaction() as connection:
        store.add(connection, client)
        record(
            connection, hub, actor, "client.open", client.id, detail={"ways": list(ways), "addresses": list(addresses)}
        )
        _ask_consent(connection, hub, client)
    return _view(client, now)


def _ask_consent(connection: Connection, hub: Hub, client: Client) -> None:
    open_task(connection, hub, kind="notice", title=f"机器客户端待同意：{client.name}", link=f"/clients/{client.id}",
              role="data_admin", department=client.department_code)  # fmt: skip


def _checked(new: NewClient) -> tuple[list[str], list[str], int, int]:
    most_days, most_calls = int(book().number("CLIENT_DAYS")), int(book().number("CLIENT_CALLS"))
    if not 2 <= len(new.name.strip()) <= 60 or not 4 <= len(new.use.strip()) <= 500:
        raise InputError("没有写明名称或用途", "名称2至60字，用途4至500字", "请补充后重试", code="CLIENT_NAME")
    if not new.ways or set(new.ways) - set(CLIENT_WAYS):
        allowed = "、".join(f"{way}（{WAYS[way]}）" for way in CLIENT_WAYS)  # type: ignore[index]
        raise InputError("调用范围不对", f"至少一项：{allowed}", "请改正后重试", code="CLIENT_WAYS")
    if not 1 <= new.days <= most_days or not 1 <= new.calls_a_minute <= most_calls:
        raise InputError(
            "有效期或每分钟调用次数不对",
            f"1至{most_days}天，每分钟1至{most_calls}次",
            "请改正后重试",
            code="CLIENT_LIMITS",
        )
    ways = [way for way in CLIENT_WAYS if way in new.ways]
    return ways, _networks(new.addresses), new.days, new.calls_a_minute


def _networks(addresses: Sequence[str]) -> list[str]:
    """Writes networks in their canonical form; the whole internet is no allow-list."""
    try:
        found = [ipaddress.ip_network(each.strip(), strict=False) for each in addresses if each.strip()]
    except ValueError:
        raise InputError(
            "网络地址写法不对", "IP地址或CIDR网段，如 10.8.0.0/24", "请改正后重试", code="CLIENT_ADDRESS"
        ) from None
    if not found or len(found) > 50 or any(each.num_addresses > 2**16 and each.version == 4 for each in found):
        allowed = "1至50个网段，每个不大于/16"
        raise InputError("没有写明调用方地址，或网段过大", allowed, "请只写系统出口的地址", code="CLIENT_ADDRESS")
    return [str(each) for each in found]


@use_case("client.change")
def change_client(hub: Hub, actor: Actor, client_id: str, new: NewClient) -> ClientView:
    """Changes a client; what is wider than before waits for consent anew and its tokens end."""
    ways, addresses, days, calls = _checked(new)
    now = hub.clock.now()
    with hub.transaction() as connection:
        held = within(connection, hub, actor, "client.change", client_id)
        if held.state not in ("pending", "active"):
            raise _wrong_state(held)
        until = now + timedelta(days=days)
        wider = set(ways) - set(held.ways) or until > held.expires_at or calls > held.calls_a_minute
        wider = wider or not all(_inside(each, held.addresses) for each in addresses)
        values = {
            "name": new.name.strip(), "use": new.use.strip(), "ways": ways, "addresses": addresses,
            "calls_a_minute": calls, "expires_at": until, "updated_at": now,
        } | ({"state": "pending"} if wider else {})  # fmt: skip
        store.change(connection, client_id, values)
        store.end_tokens(connection, client_id)
        record(connection, hub, actor, "client.change", client_id, detail={"ways": ways, "addresses": addresses})
        if wider and held.state == "active":
            _ask_consent(connection, hub, held)
        changed = within(connection, hub, actor, "client.change", client_id)
    return _view(changed, now)


def _inside(address: str, held: Sequence[str]) -> bool:
    network = ipaddress.ip_network(address)
    return any(
        network.version == other.version and network.subnet_of(other)  # type: ignore[arg-type]
        for other in map(ipaddress.ip_network, held)
    )


@use_case("client.consent")
def consent(hub: Hub, actor: Actor, client_id: str) -> ClientView:
    """Consents to a client for the authority."""
    return _decide(hub, actor, "client.consent", client_id, "active", None)


@use_case("client.refuse")
def refuse(hub: Hub, actor: Actor, client_id: str, reason: str) -> ClientView:
    """Refuses a client for the authority, with the reason."""
    return _decide(hub, actor, "client.refuse", client_id, "refused", required_reason(reason))


@use_case("client.freeze")
def freeze(hub: Hub, actor: Actor, client_id: str, reason: str) -> ClientView:
    """Freezes a client at once: its tokens end, its keys call nothing."""
    return _decide(hub, actor, "client.freeze", client_id, "frozen", required_reason(reason))


@use_case("client.unfreeze")
def unfreeze(hub: Hub, actor: Actor, client_id: str, reason: str) -> ClientView:
    """Ends a freeze."""
    return _decide(hub, actor, "client.unfreeze", client_id, "active", required_reason(reason))


@use_case("client.close")
def close(hub: Hub, actor: Actor, client_id: str, reason: str) -> ClientView:
    """Closes a client for good: tokens end and its secrets are void."""
    return _decide(hub, actor, "client.close", client_id, "closed", required_reason(reason))


_FROM = {
    "client.consent": ("pending",),
    "client.refuse": ("pending",),
    "client.freeze": ("pending", "active"),
    "client.unfreeze": ("frozen",),
    "client.close": ("pending", "active", "frozen", "refused"),
}


def _decide(hub: Hub, actor: Actor, action: str, client_id: str, state: str, reason: str | None) -> ClientView:
    now = hub.clock.now()
    with hub.transaction() as connection:
        held = within(connection, hub, actor, action, client_id)
        if held.state not in _FROM[action]:
            raise _wrong_state(held)
        if action == "client.unfreeze" and held.decided_at is None:
            state = "pending"
        values = {"state": state, "reason": reason, "updated_at": now}
        if action in ("client.consent", "client.refuse"):
            values |= {"decided_by": actor.name, "decided_at": now}
        store.change(connection, client_id, values)
        if state != "pending":
            close_tasks_at(connection, f"/clients/{client_id}", actor.name, now, {"notice"})
        if state != "active":
            store.end_tokens(connection, client_id)
        if state == "closed":
            for each in store.secrets_of(connection, client_id):
                store.change_secret(connection, each.id, {"revoked_at": now})
        record(connection, hub, actor, action, client_id, detail={"reason": reason} if reason else {})
        changed = within(connection, hub, actor, action, client_id)
    hub.keyed.clear()
    return _view(changed, now)


def required_reason(text: str) -> str:
    """Returns a reason; raises InputError when none is given."""
    if len(text.strip()) < _SHORTEST_REASON:
        raise InputError("没有写明理由", f"不少于{_SHORTEST_REASON}个字", "请写明理由", code="REASON")
    return text.strip()[:500]


def _wrong_state(client: Client) -> StateError:
    return StateError(
        f"该客户端现在是“{STATE_NAMES[client.state]}”",
        "待同意、有效、冻结各有可办的事",
        "请刷新页面",
        code="CLIENT_STATE",
    )
