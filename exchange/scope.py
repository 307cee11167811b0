"""Whose things an actor may touch: the departments that roles and region reach. Decides no action (exchange/access.py).

Provider roles reach their own department, a department administrator also those under it (乡镇街道); the authority's
roles reach every department whose region begins with theirs. Everyone may read what is published, and analysts and
window staff that alone.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from catalog.stores import entries
from catalog.stores.entries import State, StoredEntry
from catalog.tables import departments
from exchange.access import Actor
from exchange.audit import record
from exchange.hub import Hub
from schemas.errors import Denied, NotFound

_WIDE = frozenset({"data_admin", "inspector", "audit_admin", "security_admin", "system_admin"})
#: Who uses what is published and takes no part in making it: nothing of the own department's is theirs.
_USERS = frozenset({"analyst", "window"})
_VISIBLE = frozenset({State.PUBLISHED, State.REVOKE_PENDING, State.REVOKE_REJECTED})


@dataclass(frozen=True, slots=True)
class Reach:
    """The departments within reach; None means all."""

    codes: frozenset[str] | None

    def covers(self, code: str | None) -> bool:
        """Says whether a department's things may be touched."""
        return self.codes is None or code in self.codes

    def sees(self, stored: StoredEntry) -> bool:
        """Says whether an entry may be seen: a published one by all, any other by its department and the authority."""
        return stored.state in _VISIBLE or self.covers(stored.provider_code)


def reach_of(connection: Connection, actor: Actor) -> Reach:
    """Returns what the actor reaches."""
    if "administrator" in actor.roles:
        return Reach(None)
    columns = (departments.c.code, departments.c.region_code, departments.c.parent_code)
    rows = connection.execute(select(*columns)).all()
    found = {actor.department} if actor.department and actor.roles - _USERS else set()
    if actor.roles & _WIDE:
        found |= {row.code for row in rows if (row.region_code or "").startswith(actor.region)}
    if "dept_admin" in actor.roles:
        found |= {row.code for row in rows if row.parent_code == actor.department}
    return Reach(frozenset(code for code in found if code))


def require_department(hub: Hub, actor: Actor, action: str, code: str | None, object_id: str | None = None) -> None:
    """Raises Denied, after recording it, unless the department is within the actor's reach."""
    with hub.transaction() as connection:
        covered = reach_of(connection, actor).covers(code)
        if not covered:
            record(connection, hub, actor, action, object_id, result="denied", error_code="SCOPE")
    if not covered:
        raise Denied(
            "该内容属于其他部门", "只能办理本部门（及所辖乡镇街道）的内容", "请联系该部门或数据管理员", code="SCOPE"
        )


def require_entry(hub: Hub, actor: Actor, action: str, dataset: str) -> None:
    """Raises Denied, after recording it, unless the entry's department is within reach; an unknown entry passes.

    An entry that the actor may not even see is as unknown to it as one that is not there: the words are the same.
    """
    with hub.transaction() as connection:
        stored = entries.find(connection, dataset)
        reach = reach_of(connection, actor)
        hidden = stored is not None and not reach.sees(stored)
        unknown = unknown_entry(connection, dataset) if hidden else None
        if hidden:
            record(connection, hub, actor, action, dataset, result="denied", error_code="SCOPE")
    if unknown is not None:
        raise unknown
    require_department(hub, actor, action, stored.provider_code if stored else actor.department, dataset)


def unknown_entry(connection: Connection, code: str) -> NotFound:
    """Returns the error for an entry that is not there, or not for the actor, with some that everyone may see."""
    published = [each.dataset for each in entries.list_all(connection) if each.state in _VISIBLE]
    known = "、".join(published)[:600] or "（尚无）"
    return NotFound(f"没有数据集 {code[:60]}", f"已发布的数据集：{known}", "请核对名称", code="DATASET_UNKNOWN")
