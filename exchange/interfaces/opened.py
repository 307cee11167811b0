"""A stored interface → what a call needs: address, secret, operation, mapping, bounds. Secrets are opened here."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any, cast

from catalog.stores.interfaces import StoredInterface
from connectors.rest.address import Address, parse_address
from connectors.rest.authentication import Kind, Secret
from connectors.rest.client import Limits
from exchange.hub import Hub
from schemas.errors import InputError, StateError
from schemas.openapi.answers import Shape
from schemas.openapi.document import Description, read_description
from schemas.openapi.mapping import Mapped, read_mapping
from schemas.openapi.operations import Operation, operation_of


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an interface is held to; each may be set by its provider within what `MOST` allows."""

    seconds: int = 10
    most_kb: int = 1024
    most_rows: int = 500
    per_minute: int = 600
    consumer_per_minute: int = 120
    concurrent: int = 8
    failures: int = 5
    test_hours: int = 24


#: Name → (least, most, what it is).
MOST: Mapping[str, tuple[int, int, str]] = {
    "seconds": (1, 30, "时限（秒）"),
    "most_kb": (1, 10_240, "返回内容上限（KB）"),
    "most_rows": (1, 5_000, "返回记录上限"),
    "per_minute": (1, 60_000, "每分钟调用上限"),
    "consumer_per_minute": (1, 60_000, "每个使用部门每分钟调用上限"),
    "concurrent": (1, 64, "同时调用上限"),
    "failures": (2, 100, "连续失败几次后暂停"),
    "test_hours": (1, 168, "测试间隔（小时）"),
}


@dataclass(frozen=True, slots=True)
class Opened:
    """All that a call needs. `holder` names the secret, so that a token ends with it."""

    address: Address
    secret: Secret
    shape: Shape
    bounds: Bounds
    holder: str

    @property
    def limits(self) -> Limits:
        """The bounds of one call."""
        return Limits(float(self.bounds.seconds), self.bounds.most_kb * 1024)


@lru_cache(maxsize=256)
def _described(text: str) -> Description:
    return read_description(text)


def description_of(interface: StoredInterface) -> Description:
    """Reads an interface's description, once a process."""
    return _described(interface.description)


def operation_named(description: Description, name: str | None) -> Operation | None:
    """Finds the chosen operation."""
    return operation_of(description.document, name) if name and description.usable else None


def mapped_of(interface: StoredInterface) -> Mapped:
    """Reads the mapping."""
    return read_mapping(interface.mapping or {})


def bounds_of(interface: StoredInterface) -> Bounds:
    """Reads the bounds; what is not set has its default."""
    known = {field.name for field in fields(Bounds)}
    return Bounds(**{name: int(value) for name, value in interface.limits.items() if name in known})


def checked_bounds(values: Mapping[str, int]) -> dict[str, Any]:
    """Checks bounds and returns them as JSON values; raises InputError."""
    for name, value in values.items():
        least, most, says = MOST.get(name, (0, -1, "限额的名称"))
        if not least <= value <= most:
            if name not in MOST:
                raise InputError("没有这种限额", "、".join(MOST), "请改正", code="INTERFACE_LIMIT")
            raise InputError(f"{says}不可用", f"{least} 至 {most}", "请改正", code="INTERFACE_LIMIT")
    return asdict(Bounds(**values))


def address_of(interface: StoredInterface) -> Address:
    """Returns the registered address; raises StateError when there is none."""
    if interface.base_url is None:
        raise StateError("没有登记接口地址", "", "请登记接口地址和密钥", code="INTERFACE_ADDRESS")
    return parse_address(interface.base_url, local=interface.local_address, plain=interface.plain_http, ca=interface.ca)


def bound(dataset: str, what: str) -> bytes:
    """Names what a sealed value of an interface belongs to."""
    return f"interface:{dataset}:{what}".encode()


def seal_value(hub: Hub, dataset: str, what: str, value: str) -> bytes:
    """Seals a secret or a sample."""
    return hub.crypto.seal("connections").seal([value.encode()], [bound(dataset, what)])[0]


def open_value(hub: Hub, dataset: str, what: str, sealed: bytes) -> str:
    """Opens a secret or a sample; raises SealBroken."""
    return hub.crypto.seal("connections").open([sealed], [bound(dataset, what)])[0].decode()


def sample_of(hub: Hub, interface: StoredInterface) -> dict[str, str]:
    """Returns the sample parameters; raises StateError when there are none."""
    if interface.sealed_sample is None:
        raise StateError("没有登记测试参数", "", "请登记可以公开用于测试的参数", code="INTERFACE_SAMPLE")
    text = open_value(hub, interface.dataset, "sample", interface.sealed_sample)
    return cast("dict[str, str]", json.loads(text))


def open_interface(hub: Hub, interface: StoredInterface) -> Opened:
    """Opens an interface for a call; raises StateError, SealBroken."""
    description = description_of(interface)
    operation = operation_named(description, interface.operation)
    if operation is None:
        raise StateError("接口没有选定操作，或描述有错误", "", "请提供部门办完接口登记", code="INTERFACE_OPERATION")
    value = ""
    if interface.sealed_secret is not None:
        value = open_value(hub, interface.dataset, "secret", interface.sealed_secret)
    kind = cast(Kind, interface.secret_kind)
    secret = Secret(kind, interface.secret_name or "", value, interface.token_url or "", interface.token_scope or "")
    return Opened(
        address_of(interface),
        secret,
        Shape(description.document, operation, mapped_of(interface)),
        bounds_of(interface),
        f"{interface.dataset}:{interface.secret_at}",
    )
