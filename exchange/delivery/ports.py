"""What delivery asks of the rooms that hold grants and rewrite rows. Knows neither of them.

Nothing leaves without both: `Grants` says what a grant gives at this moment, `Disclosure` applies it to rows.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from exchange.crypto import sm3
from exchange.hub import Hub
from schemas.delivery import canonical
from schemas.errors import Denied, SetupError
from schemas.grants import Grant


class Disclosure(Protocol):
    """Turns rows into what a grant gives of them, whichever way out is used."""

    def __call__(self, grant: Grant, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yields a batch for each: `row_guid`, then `grant.readable()` in this order; rows outside the grant are gone.

        What comes in: `row_guid` (string, handed through as it is) and the opened items that the grant names, with the
        types of the entry. An empty batch gives an empty one of the same schema as any other.
        """
        ...


class Grants(Protocol):
    """The grants as they bind."""

    def binding(self, number: str, at: datetime) -> Grant:
        """Returns the grant; raises Denied when it is unknown, ended, revoked or frozen (consumer or dataset too)."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """Both ports of one hub."""

    grants: Grants
    disclose: Disclosure


_makers: list[Callable[[Hub], Ports]] = []


def install(make: Callable[[Hub], Ports]) -> None:
    """Sets how a hub's ports are made; the last one set counts."""
    _makers.append(make)


def ports_of(hub: Hub) -> Ports:
    """Returns the ports of a hub; raises SetupError as long as none are set."""
    if not _makers:
        raise SetupError("授权与脱敏尚未接入，不能送达", "", "请升级到含授权的版本", code="DELIVERY_PORTS")
    return _makers[-1](hub)


def binding_grant(hub: Hub, ports: Ports, number: str, dataset: str, consumer: str) -> Grant:
    """Returns the grant when it gives the subscription something now; raises Denied."""
    now = hub.clock.now()
    grant = ports.grants.binding(number, now)
    fits = grant.dataset == dataset and grant.consumer == consumer and "subscription" in grant.ways
    if not fits or not grant.in_force(now):
        raise Denied(
            f"授权 {number} 现在不允许向该部门推送数据集 {dataset}",
            "授权应在有效期内，且含“订阅推送”方式",
            "请核对授权，或提出申请",
            code="GRANT",
        )
    return grant


def content_digest(grant: Grant) -> str:
    """Names what decides the content: items and rows. Another one means that everything is delivered anew."""
    facts = {"items": [asdict(each) for each in grant.items], "rows": asdict(grant.rows), "floor": grant.minimum_rows}
    return sm3(canonical(facts)).hex()
