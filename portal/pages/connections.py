"""The pages of connections: list, register (the password is entered once, never shown again), test step by step."""

from typing import Annotated, Any

from fastapi import Form
from pydantic import BaseModel, Field

from exchange import connections
from exchange.connections import ConnectionView
from portal.connection_kinds import KINDS
from portal.desk import Desk
from portal.routes import Go, Pages
from schemas.errors import HubError, NotFound

pages = Pages()
router = pages.router

STEP_NAMES = {
    "name": "域名",
    "port": "端口",
    "login": "登录",
    "privilege": "权限",
    "table": "数据表",
    "read_only": "只读",
}


class ConnectionForm(BaseModel):
    """The form of a connection."""

    name: str = Field(max_length=50)
    kind: str = Field(max_length=20)
    host: str = Field(max_length=255)
    port: str = Field("", max_length=5)
    database: str = Field("", max_length=255)
    username: str = Field("", max_length=128)
    password: str = Field("", max_length=255, repr=False)


@pages.get("/connections", action="connection.list", title="连接", template="connections.html")
def listed(desk: Desk) -> dict[str, Any]:
    """Lists the connections within reach."""
    return {"connections": connections.list_connections(desk.hub, desk.actor)}


@pages.get("/connections/new", action="connection.set", title="登记连接", template="connections_new.html")
def asked(desk: Desk, name: str = "") -> dict[str, Any]:
    """Shows the form; for a connection that is there, with all but its password."""
    held = next((c for c in connections.list_connections(desk.hub, desk.actor) if c.name == name), None)
    facts: dict[str, Any] = {"name": name if held else "", "kind": held.kind if held else "postgresql"}
    facts |= {"host": held.host if held else "", "port": held.port if held else ""}
    facts |= {"database": held.database if held else "", "username": held.username if held else ""}
    return {"facts": facts, "kinds": KINDS, "error": None}


@pages.post("/connections/new", action="connection.set")
def registered(desk: Desk, form: Annotated[ConnectionForm, Form()]) -> Go | dict[str, Any]:
    """Registers a connection; a fault gives the form back, without the password."""
    facts = form.model_dump(exclude={"password"})
    name = form.name
    try:
        url = connections.address(facts, form.password)
        connections.set_connection(desk.hub, desk.actor, name, url)
    except HubError as error:
        return {"template": "connections_new.html", "title": "登记连接", "facts": facts, "kinds": KINDS, "error": error}
    return Go(f"/connections/{name}", f"连接 {name} 已保存，口令已加密、不再显示。请测试连接。")


@pages.get("/connections/{name}", action="connection.list", title="连接", template="connections_show.html")
def shown(desk: Desk, name: str) -> dict[str, Any]:
    """Shows one connection without its password."""
    return _shown(desk, name, None)


@pages.post("/connections/{name}/test", action="connection.test")
def tested(desk: Desk, name: str) -> dict[str, Any]:
    """Tests a connection step by step and shows which step failed and why."""
    steps = connections.test_connection(desk.hub, desk.actor, name, tables=True)
    return {"template": "connections_show.html", **_shown(desk, name, steps)}


def _shown(desk: Desk, name: str, steps: Any) -> dict[str, Any]:
    facts = {"title": f"连接 {name}", "connection": _one(desk, name), "steps": steps}
    return facts | {"step_names": STEP_NAMES}


def _one(desk: Desk, name: str) -> ConnectionView:
    known = connections.list_connections(desk.hub, desk.actor)
    found = next((each for each in known if each.name == name), None)
    if found is None:
        raise NotFound("没有这个连接", "本部门登记的连接", "请从“连接”页打开", code="CONNECTION_UNKNOWN")
    return found
