"""Use-cases of attaching an interface: describe, map, connect, sample, limits, submit, review, close.

A change of description, mapping or address takes the interface out of use until it has been reviewed again; a new
secret does not. The secret is sealed before it is stored and never shown or logged.
"""

import json
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from catalog.stores import interfaces as store
from connectors.rest.address import parse_address
from connectors.rest.authentication import KINDS
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.interfaces.circuit import mended
from exchange.interfaces.keys import read_keys
from exchange.interfaces.opened import checked_bounds, description_of, mapped_of, operation_named, seal_value
from exchange.interfaces.states import InterfaceView, found_of, lacks_of, next_state, registered, view_of
from exchange.interfaces.tasks import ask_review, close_all, end_review
from exchange.scope import reach_of, require_department, require_entry
from schemas.errors import Denied, InputError, StateError
from schemas.openapi.document import Finding, read_description
from schemas.openapi.mapping import Mapped, check_mapping, mapping_json
from schemas.openapi.operations import operations

_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_OWN_HEADERS = frozenset(
    {"host", "content-length", "content-type", "cookie", "connection", "transfer-encoding", "accept"}
)
_LONGEST_SECRET = 4000


@dataclass(frozen=True, slots=True)
class OperationView:
    """An operation as it can be chosen: its parameters and where each goes."""

    name: str
    title: str
    parameters: Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class DescriptionView:
    """A checked description: what is wrong, and what can be chosen."""

    title: str
    usable: bool
    findings: Sequence[Finding]
    operations: Sequence[OperationView]


@dataclass(frozen=True, slots=True)
class Connection:
    """Where an interface is and how the hub proves who it is. `secret` None keeps the one that is held.

    `name` is the header of an API key, the account, or the OAuth2 client's identifier.
    """

    base_url: str
    kind: str = "none"
    name: str = ""
    secret: str | None = field(default=None, repr=False)
    token_url: str = ""
    scope: str = ""
    ca: str = ""


@use_case("interface.list")
def list_interfaces(hub: Hub, actor: Actor) -> list[InterfaceView]:
    """Lists the interfaces within the actor's reach."""
    with hub.transaction() as connection:
        reach = reach_of(connection, actor)
        known = [found_of(connection, each.dataset) for each in store.list_all(connection)]
        found = [view_of(connection, each) for each in known if reach.covers(each.stored.provider_code)]
        record(connection, hub, actor, "interface.list", None, row_count=len(found))
    return found


@use_case("interface.show")
def show(hub: Hub, actor: Actor, dataset: str) -> InterfaceView:
    """Shows an interface with its last calls and the last day's counts; raises NotFound."""
    require_entry(hub, actor, "interface.show", dataset)
    with hub.transaction() as connection:
        record(connection, hub, actor, "interface.show", dataset)
        since = hub.clock.now() - timedelta(days=1)
        return view_of(connection, found_of(connection, dataset), calls=True, since=since)


@use_case("interface.check")
def check(hub: Hub, actor: Actor, text: str) -> DescriptionView:
    """Checks a description without keeping it."""
    with hub.transaction() as connection:
        record(connection, hub, actor, "interface.check", None)
    return described(text)


def described(text: str) -> DescriptionView:
    """Reads a description as it can be chosen from."""
    description = read_description(text)
    found = operations(description.document) if description.usable else []
    shown = tuple(
        OperationView(
            each.name,
            each.title,
            tuple(
                {"name": p.name, "place": p.place, "required": p.required, "title": p.title} for p in each.parameters
            ),
        )
        for each in found
    )
    return DescriptionView(description.title, description.usable, description.findings, shown)


@use_case("interface.describe")
def describe(hub: Hub, actor: Actor, dataset: str, text: str) -> InterfaceView:
    """Registers the description of an entry's interface, or a new one; raises InputError naming the first faults."""
    require_entry(hub, actor, "interface.describe", dataset)
    description = read_description(text)
    if not description.usable:
        raise _faulty([each for each in description.findings if each.severity == "error"])
    if not operations(description.document):
        raise _faulty([Finding("OPENAPI_EMPTY", "error", "paths", "没有可以查询的操作（GET 或 POST）")])
    with hub.transaction() as connection:
        found = found_of(connection, dataset, locked=True)
        next_state(found.state, "describe")
        store.begin(connection, dataset, text, actor.name, hub.clock.now())
        store.change(connection, dataset, test=None, tested_at=None)
        record(connection, hub, actor, "interface.describe", dataset, entry_code=found.stored.code)
        return view_of(connection, found_of(connection, dataset))


def _faulty(findings: Sequence[Finding]) -> InputError:
    told = "；".join(f"{f'第{each.line}行 ' if each.line else ''}{each.says}" for each in findings[:5])
    more = f"（共 {len(findings)} 处）" if len(findings) > 5 else ""
    step = findings[0].next_step or "请改正后重新上传"
    return InputError(f"接口描述或映射有错误：{told}{more}", "OpenAPI 3.0 或 3.1，引用只在文档之内", step,
                      code=findings[0].code)  # fmt: skip


@use_case("interface.map")
def map_interface(hub: Hub, actor: Actor, dataset: str, operation: str, mapping: Mapped) -> InterfaceView:
    """Registers which operation is called, and what its parameters and fields are in the entry; raises InputError."""
    require_entry(hub, actor, "interface.map", dataset)
    with hub.transaction() as connection:
        found = found_of(connection, dataset, locked=True)
        state = next_state(found.state, "change")
        description = description_of(registered(found))
        chosen = operation_named(description, operation)
        if chosen is None:
            names = "、".join(each.name for each in operations(description.document))[:400]
            raise InputError("描述中没有这个操作", f"可选：{names}", "请选择一个操作", code="INTERFACE_OPERATION")
        faults = check_mapping(description.document, chosen, mapping, found.entry)
        if faults:
            raise _faulty(faults)
        values: dict[str, Any] = {"operation": operation, "mapping": mapping_json(mapping), "state": state}
        # Sample parameters belong to the key items that were mapped.
        if mapped_of(registered(found)).keys != mapping.keys:
            values["sealed_sample"] = None
        _change(connection, hub, actor, dataset, values | {"test": None, "tested_at": None})
        record(connection, hub, actor, "interface.map", dataset, entry_code=found.stored.code)
        return view_of(connection, found_of(connection, dataset))


def _change(connection: Any, hub: Hub, actor: Actor, dataset: str, values: dict[str, Any]) -> None:
    store.change(connection, dataset, **values, updated_by=actor.name, updated_at=hub.clock.now())


@use_case("interface.connect")
def connect(hub: Hub, actor: Actor, dataset: str, connection: Connection) -> InterfaceView:
    """Registers address and secret; a new address needs a new review and loses what was allowed for the old one."""
    require_entry(hub, actor, "interface.connect", dataset)
    with hub.transaction() as database:
        found = found_of(database, dataset, locked=True)
        held = registered(found)
        moved = (held.base_url, held.ca or "") != (connection.base_url.strip(), connection.ca.strip())
        elsewhere = moved or (held.token_url or "") != connection.token_url.strip()
        state = next_state(found.state, "change" if moved else "keep")
        plain = held.plain_http and not moved
        address = parse_address(connection.base_url, plain=plain or _may_allow(actor), ca=None)
        _check_authority(connection.ca)
        # A held secret goes to no other host than the one that it was given for.
        if elsewhere and connection.secret is None and held.sealed_secret is not None:
            raise InputError("更换地址须重新填写密钥", "密钥只发往登记时的地址", "请填写密钥", code="INTERFACE_SECRET")
        values = _secret_values(hub, dataset, connection, kept=held.secret_kind == connection.kind)
        values |= {"base_url": connection.base_url.strip(), "ca": connection.ca.strip() or None, "state": state}
        values |= {"test": None, "tested_at": None} if moved else {}
        values |= {"local_address": False, "plain_http": address.scheme == "http"} if moved else {}
        _change(database, hub, actor, dataset, values)
        facts = {"host": address.host, "port": address.port, "kind": connection.kind}
        record(database, hub, actor, "interface.connect", dataset, detail=facts)
        return view_of(database, found_of(database, dataset))


def _may_allow(actor: Actor) -> bool:
    return "administrator" in actor.roles


def _check_authority(ca: str) -> None:
    if not ca.strip():
        return
    try:
        ssl.create_default_context().load_verify_locations(cadata=ca)
    except (ssl.SSLError, ValueError, TypeError):  # the last: letters that no PEM has
        raise InputError("根证书无法识别", "PEM 格式的证书", "请核对后重新填写", code="INTERFACE_CA") from None


def _secret_values(hub: Hub, dataset: str, given: Connection, *, kept: bool) -> dict[str, Any]:
    if given.kind not in KINDS:
        raise InputError("密钥种类不可用", "、".join(KINDS.values()), "请改选", code="INTERFACE_SECRET")
    if given.kind == "none":
        return {"secret_kind": "none", "secret_name": None, "token_url": None, "token_scope": None,
                "sealed_secret": None, "secret_at": hub.clock.now()}  # fmt: skip
    name = given.name.strip()
    values: dict[str, Any] = {"secret_kind": given.kind, "secret_name": name or None}
    values |= {"token_url": given.token_url.strip() or None, "token_scope": given.scope.strip() or None}
    _check_names(given, name)
    if given.secret is None:
        if not kept:
            raise InputError("没有填写密钥", "更换密钥种类须填写密钥", "请填写密钥", code="INTERFACE_SECRET")
        return values
    if not 0 < len(given.secret) <= _LONGEST_SECRET or not (given.secret.isprintable() and given.secret.isascii()):
        raise InputError(
            "密钥不可用", f"可见的 ASCII 字符，不超过{_LONGEST_SECRET}个", "请核对后重新填写", code="INTERFACE_SECRET"
        )
    return values | {"sealed_secret": seal_value(hub, dataset, "secret", given.secret), "secret_at": hub.clock.now()}


def _check_names(given: Connection, name: str) -> None:
    if given.kind == "api_key" and (not _HEADER.fullmatch(name) or name.lower() in _OWN_HEADERS):
        raise InputError(
            "API Key 的请求头名称不可用", "字母、数字和连字符，如 X-API-Key", "请改正", code="INTERFACE_SECRET"
        )
    if given.kind in {"basic", "oauth2"} and not (
        name and name.isprintable() and (given.kind != "basic" or ":" not in name)
    ):
        raise InputError("没有填写账号或客户端标识", "可见字符，账号不含冒号", "请填写", code="INTERFACE_SECRET")
    if given.kind == "oauth2":
        parse_address(given.token_url, plain=given.base_url.strip().startswith("http://"))


@use_case("interface.allow")
def allow(hub: Hub, actor: Actor, dataset: str, local_address: bool, plain_http: bool) -> InterfaceView:
    """Allows the registered host to be an address of this machine or its link, or plain http; recorded with both."""
    with hub.transaction() as connection:
        found = found_of(connection, dataset, locked=True)
        registered(found)
        values = {"local_address": local_address, "plain_http": plain_http}
        _change(connection, hub, actor, dataset, dict(values))
        record(connection, hub, actor, "interface.allow", dataset, detail=values)
        return view_of(connection, found_of(connection, dataset))


@use_case("interface.limit")
def limit(hub: Hub, actor: Actor, dataset: str, limits: dict[str, int]) -> InterfaceView:
    """Sets time, size, rates, concurrency and the interval of tests within what the hub allows; raises InputError."""
    require_entry(hub, actor, "interface.limit", dataset)
    values = checked_bounds(limits)
    with hub.transaction() as connection:
        found = found_of(connection, dataset, locked=True)
        next_state(registered(found).state, "keep")
        _change(connection, hub, actor, dataset, {"limits": values})
        record(connection, hub, actor, "interface.limit", dataset, detail=values)
        return view_of(connection, found_of(connection, dataset))


@use_case("interface.sample")
def set_sample(hub: Hub, actor: Actor, dataset: str, sample: dict[str, str]) -> InterfaceView:
    """Keeps the sample parameters of tests, sealed: they may be a person's; raises InputError, IdentifierError."""
    require_entry(hub, actor, "interface.sample", dataset)
    with hub.transaction() as connection:
        found = found_of(connection, dataset, locked=True)
        held = registered(found)
        next_state(held.state, "keep")
        keys = read_keys(hub, found.entry, mapped_of(held).keys, sample)
        sealed = seal_value(hub, dataset, "sample", json.dumps({key.item: key.text for key in keys}))
        _change(connection, hub, actor, dataset, {"sealed_sample": sealed, "test": None, "tested_at": None})
        record(connection, hub, actor, "interface.sample", dataset, subject_key_hashes=[key.key_hash for key in keys])
        return view_of(connection, found_of(connection, dataset))


@use_case("interface.submit")
def submit(hub: Hub, actor: Actor, dataset: str) -> InterfaceView:
    """Submits the interface for the authority's review; all guards must hold."""
    require_entry(hub, actor, "interface.submit", dataset)
    with hub.transaction() as connection:
        found = found_of(connection, dataset, locked=True)
        state = next_state(registered(found).state, "submit")
        lacks = lacks_of(connection, found)
        if lacks:
            raise StateError(
                f"接口还不能提交：{'；'.join(lacks)}", "条目已发布、映射完整、测试通过", "请逐项办完后再提交",
                code="INTERFACE_GUARD",
            )  # fmt: skip
        store.change(
            connection, dataset, state=state, submitted_by=actor.name, submitted_at=hub.clock.now(), opinion=None
        )
        ask_review(connection, hub, actor, found)
        record(connection, hub, actor, "interface.submit", dataset, entry_code=found.stored.code)
        return view_of(connection, found_of(connection, dataset))


@use_case("interface.decide")
def decide(hub: Hub, actor: Actor, dataset: str, approve: bool, opinion: str) -> InterfaceView:
    """Decides a submitted interface; who submitted does not review. Approving puts it in use."""
    with hub.transaction() as connection:
        found = found_of(connection, dataset)
    require_department(hub, actor, "interface.decide", found.stored.provider_code, dataset)
    if not approve and not opinion.strip():
        raise InputError("没有写明退回意见", "退回必须写明意见", "请写明意见", code="REASON")
    with hub.transaction() as connection:
        found = found_of(connection, dataset, locked=True)
        state = next_state(registered(found).state, "approve" if approve else "return")
        same = registered(found).submitted_by == actor.name
        facts: dict[str, Any] = {"result": "denied", "error_code": "SAME_PERSON"} if same else {}
        record(connection, hub, actor, "interface.decide", dataset, entry_code=found.stored.code, **facts)
        if not same:
            values = {"reviewed_by": actor.name, "reviewed_at": hub.clock.now(), "opinion": opinion.strip() or "同意"}
            store.change(connection, dataset, state=state, **values, **(mended() if approve else {}))
            end_review(connection, hub, actor, found, approved=approve)
    if same:
        step = "请由其他数据管理员审核"
        raise Denied("不能审核自己提交的接口", "审核人与提交人不得为同一人", step, code="SAME_PERSON")
    return _shown(hub, dataset)


@use_case("interface.close")
def close(hub: Hub, actor: Actor, dataset: str) -> InterfaceView:
    """Closes an interface: nobody calls it any more; its secret and sample are removed."""
    require_entry(hub, actor, "interface.close", dataset)
    with hub.transaction() as connection:
        found = found_of(connection, dataset, locked=True)
        state = next_state(registered(found).state, "close")
        gone = {"sealed_secret": None, "sealed_sample": None, "secret_kind": "none", "secret_name": None}
        _change(connection, hub, actor, dataset, {"state": state, **gone, **mended()})
        close_all(connection, hub, actor, dataset)
        record(connection, hub, actor, "interface.close", dataset, entry_code=found.stored.code)
    return _shown(hub, dataset)


def _shown(hub: Hub, dataset: str) -> InterfaceView:
    with hub.transaction() as connection:
        return view_of(connection, found_of(connection, dataset))
