"""Page of the hub's keys, for the security administrator: which generation seals, what is still under an older one."""

from typing import Annotated, Any

from fastapi import Form

from exchange.keys import rotation
from portal.desk import Desk
from portal.routes import Go, Pages
from schemas.errors import HubError, InputError, StateError

pages = Pages()
router = pages.router
_Long = Annotated[str, Form(max_length=2000)]
#: A page's answer must not take minutes: what is left is rewritten by the next push, or on the machine itself.
_SECONDS = 20.0
#: What people call the places where sealed values rest.
_PLACES = {
    "accounts.totp_sealed": "动态码", "connections.sealed_url": "连接地址", "entry_reviews.scan_sealed": "签批件",
    "share_request_files.sealed": "申请附件", "subscriptions.sealed_place": "送达地址",
    "queries.sealed_sql": "查询语句", "saved_queries.sealed_sql": "常用查询",
    "query_exports.sealed_preview": "导出预览", "uploads": "填报文件", "outbox": "待送达批次",
}  # fmt: skip
_FOLDERS = {"lake/landing/": "落地区", "lake/quarantine/": "问题数据", "lake/tables/": "数据湖", "serving.": "服务表"}


def _words(name: str) -> str:
    """Names a place (`serving.person (i1)`) as people do."""
    place, _, key = name.partition(" (")
    folder = next((each for each in _FOLDERS if place.startswith(each)), "")
    words = f"{_FOLDERS[folder]} {place.removeprefix(folder)}" if folder else _PLACES.get(place, place)
    return f"{words}（密钥 {key.rstrip(')')}）"


@pages.get("/keys", action="keys.status", title="密钥", template="keys.html")
def listed(desk: Desk) -> dict[str, Any]:
    """Lists the generations with where each is in use."""
    return _keys(desk, None)


def _keys(desk: Desk, fault: HubError | None) -> dict[str, Any]:
    found = rotation.status(desk.hub, desk.actor)
    names = {place: _words(place) for key in found for place in key.places}
    return {"title": "密钥", "keys": found, "fault": fault, "names": names}


@pages.post("/keys/rotate", action="keys.rotate")
def rotate(desk: Desk, reason: _Long = "") -> Go | dict[str, Any]:
    """Adds a generation that seals from now on."""
    try:
        rotation.rotate(desk.hub, desk.actor, reason)
    except InputError as error:
        return _keys(desk, error) | {"template": "keys.html"}
    return Go("/keys", "已更换密钥，新写入的数据即用新一代封存")


@pages.post("/keys/reencrypt", action="keys.reencrypt")
def reencrypt(desk: Desk) -> Go:
    """Rewrites what is under older generations, for some seconds."""
    done = rotation.reencrypt(desk.hub, desk.actor, seconds=_SECONDS)
    return Go("/keys", f"已重新加密 {sum(done.places.values())} 处，尚余 {done.left} 个封存值")


@pages.post("/keys/{generation}/retire", action="keys.retire")
def retire(desk: Desk, generation: int, reason: _Long = "") -> Go | dict[str, Any]:
    """Retires a generation that nothing uses."""
    try:
        rotation.retire(desk.hub, desk.actor, generation, reason)
    except (InputError, StateError) as error:
        return _keys(desk, error) | {"template": "keys.html"}
    return Go("/keys", f"第{generation}代密钥已退役")
