"""What delivery asks of the grants: what binds at this moment, asked anew before each chunk that leaves."""

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from catalog.stores import grants as store
from catalog.stores import share_holds
from exchange.crypto import sm3
from exchange.hub import Hub
from exchange.sharing.grants import in_force
from schemas.delivery import canonical
from schemas.errors import Denied
from schemas.grants import Grant


class Grants(Protocol):
    """The grants as they bind."""

    def binding(self, number: str, at: datetime) -> Grant:
        """Returns the grant; raises Denied when it is unknown, ended, revoked or frozen (consumer or dataset too)."""
        ...


class HubGrants:
    """The grants of a hub, as its database has them at each question."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def binding(self, number: str, at: datetime) -> Grant:
        """Returns the grant; raises Denied when nothing binds under this number."""
        with self._hub.transaction() as connection:
            stored = store.find(connection, number)
            found = in_force(connection, stored.consumer, stored.dataset, at) if stored else []
        for grant in found:
            if grant.number == number:
                return grant
        raise Denied(
            f"授权 {number[:40]} 现在不生效",
            "有效期内、未收回、未冻结的授权，数据未被召回",
            "请在授权页核对；需要继续使用的，请重新申请",
            code="GRANT_OVER",
        )


def binding_grant(hub: Hub, grants: Grants, number: str, dataset: str, consumer: str) -> Grant:
    """Returns the grant when it gives the subscription something now; raises Denied."""
    now = hub.clock.now()
    grant = grants.binding(number, now)
    fits = grant.dataset == dataset and grant.consumer == consumer and "subscription" in grant.ways
    if not fits or not grant.in_force(now):
        raise Denied(
            f"授权 {number} 现在不允许向该部门推送数据集 {dataset}",
            "授权应在有效期内，且含“订阅推送”方式",
            "请核对授权，或提出申请",
            code="GRANT",
        )
    return grant


def refuse_recalled(connection: Connection, dataset: str, version: int) -> None:
    """Raises Denied while a version is recalled: a batch of it stays, also when a newer version is published."""
    if share_holds.is_recalled(connection, dataset, version):
        raise Denied(
            f"数据集 {dataset} 第{version}版已召回",
            "召回的数据不再送达",
            "下一批次将以新的版本全量送达",
            code="RECALLED",
        )


def content_digest(grant: Grant, interests: Collection[bytes] = ()) -> str:
    """Names what decides the content: items, rows, listed keys. Another one means that everything is delivered anew."""
    facts = {"items": [asdict(each) for each in grant.items], "rows": asdict(grant.rows), "floor": grant.minimum_rows}
    if interests:
        facts["keys"] = sm3(b"".join(sorted(interests))).hex()
    return sm3(canonical(facts)).hex()
