"""The pages of interface resources: attach in steps, state with last calls, test, review, suspension and resumption."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import File, Form, UploadFile
from pydantic import BaseModel, Field

from exchange.interfaces import attaching, choosing, testing
from exchange.interfaces.opened import MOST
from portal.desk import Desk
from portal.routes import Go, Pages
from schemas.errors import HubError, InputError, NotFound
from schemas.openapi.mapping import FromItem, Mapped, ToItem

pages = Pages()
router = pages.router
SECRET_KINDS = {"none": "无", "api_key": "API Key（请求头）", "basic": "账号口令（Basic）", "bearer": "令牌（Bearer）",
                "oauth2": "OAuth2 客户端凭据"}  # fmt: skip
PLACES = {"query": "查询串", "path": "路径", "header": "请求头", "body": "请求体", "cookie": "Cookie"}
CALL_KINDS = {"call": "调用", "probe": "试探", "test": "测试"}
_TONES = {"active": "good", "returned": "bad", "closed": "", "draft": "blue"}
Words = Annotated[str, Form(max_length=500)]


@pages.get("/interfaces", action="interface.list", title="接口", template="interfaces.html")
def listed(desk: Desk) -> dict[str, Any]:
    """Lists the interfaces within reach, suspended ones and those that wait for review first."""
    found = attaching.list_interfaces(desk.hub, desk.actor)
    first = sorted(found, key=lambda each: (each.suspended_at is None, each.state != "pending", each.dataset))
    return {"interfaces": first, "tones": _TONES}


@pages.get("/interfaces/{dataset}", action="interface.show", title="接口", template="interfaces_show.html")
def shown(desk: Desk, dataset: str) -> dict[str, Any]:
    """Shows the state of an interface, its last calls and its last test."""
    return _page(desk, dataset)


def _page(desk: Desk, dataset: str, error: HubError | None = None) -> dict[str, Any]:
    view = attaching.show(desk.hub, desk.actor, dataset)
    return {
        "title": f"接口：{view.title}", "view": view, "tone": _TONES.get(view.state, "warn"), "error": error,
        "secret_kinds": SECRET_KINDS, "call_kinds": CALL_KINDS, "most": MOST,
    }  # fmt: skip


def _failed(desk: Desk, dataset: str, error: HubError) -> dict[str, Any]:
    return {"template": "interfaces_show.html", **_page(desk, dataset, error)}


def _step(desk: Desk, dataset: str, act: Callable[[], Any], says: str | Callable[[Any], str]) -> Go | dict[str, Any]:
    """Takes one step with an interface; what stands in its way comes back on the interface's page."""
    try:
        found = act()
    except HubError as error:
        return _failed(desk, dataset, error)
    return Go(f"/interfaces/{dataset}", says if isinstance(says, str) else says(found))


@pages.get(
    "/interfaces/{dataset}/describe", action="interface.describe", title="接口描述", template="interfaces_describe.html"
)
def asked(desk: Desk, dataset: str) -> dict[str, Any]:
    """Asks for the description: the first step."""
    return {"dataset": dataset, "findings": [], "error": None}


@pages.post("/interfaces/{dataset}/describe", action="interface.describe")
def described(desk: Desk, dataset: str, file: Annotated[UploadFile, File()]) -> Go | dict[str, Any]:
    """Registers an uploaded description; its faults come back with their lines."""
    content = file.file.read()
    try:
        text = content.decode("utf-8-sig")
        attaching.describe(desk.hub, desk.actor, dataset, text)
    except UnicodeDecodeError:
        wrong = InputError(
            "文件不是 UTF-8 文本", "OpenAPI 的 JSON 或 YAML", "请另存为 UTF-8 后上传", code="OPENAPI_TEXT"
        )
        return _asked_again(dataset, wrong, [])
    except InputError as error:
        if isinstance(error, NotFound):
            raise
        return _asked_again(dataset, error, attaching.described(text).findings)
    return Go(f"/interfaces/{dataset}/map", "描述已登记。请选择操作并对应参数和属性。")


def _asked_again(dataset: str, error: HubError, findings: Any) -> dict[str, Any]:
    page = {"template": "interfaces_describe.html", "title": "接口描述"}
    return page | {"dataset": dataset, "findings": findings, "error": error}


@pages.get("/interfaces/{dataset}/map", action="interface.map", title="接口映射", template="interfaces_map.html")
def mapping(desk: Desk, dataset: str, operation: str = "", rows: str | None = None) -> dict[str, Any]:
    """Asks for the operation and its mapping: the second step."""
    return _mapping(desk, dataset, (operation, rows))


def _mapping(desk: Desk, dataset: str, chosen: tuple[str, str | None], error: HubError | None = None) -> dict[str, Any]:
    found = choosing.choices(desk.hub, desk.actor, dataset, *chosen)
    return {"title": "接口映射", "choices": found, "places": PLACES, "error": error}


class MappingForm(BaseModel):
    """The form of a mapping: one line a parameter, one line an item."""

    operation: str = Field(max_length=300)
    rows: str = Field("", max_length=200)
    parameter: list[str] = []
    place: list[str] = []
    filled: list[str] = []
    constant: list[str] = []
    item: list[str] = []
    path: list[str] = []

    def mapped(self) -> Mapped:
        """Returns the mapping; lines left empty are none."""
        lines = zip(self.parameter, self.place, self.filled, self.constant, strict=False)
        given = [
            FromItem(name, place, item=item or None, constant=None if item else constant)  # type: ignore[arg-type]
            for name, place, item, constant in lines
            if (item or constant) and place in PLACES
        ]
        pairs = zip(self.item, self.path, strict=False)
        return Mapped(tuple(given), self.rows, tuple(ToItem(item, path) for item, path in pairs if path))


@pages.post("/interfaces/{dataset}/map", action="interface.map")
def mapped(desk: Desk, dataset: str, form: Annotated[MappingForm, Form()]) -> Go | dict[str, Any]:
    """Registers the mapping; a fault gives the page back."""
    try:
        attaching.map_interface(desk.hub, desk.actor, dataset, form.operation, form.mapped())
    except InputError as error:
        again = _mapping(desk, dataset, (form.operation, form.rows), error)
        return {"template": "interfaces_map.html", **again}
    return Go(f"/interfaces/{dataset}/connect", "映射已登记。请登记接口地址和密钥。")


@pages.get(
    "/interfaces/{dataset}/connect",
    action="interface.connect",
    title="接口地址和密钥",
    template="interfaces_connect.html",
)
def connecting(desk: Desk, dataset: str) -> dict[str, Any]:
    """Asks for address and secret: the third step."""
    return _connecting(desk, dataset)


def _connecting(desk: Desk, dataset: str, error: HubError | None = None) -> dict[str, Any]:
    view = attaching.show(desk.hub, desk.actor, dataset)
    return {"title": "接口地址和密钥", "view": view, "kinds": SECRET_KINDS, "error": error}


class ConnectForm(BaseModel):
    """The form of address and secret; an empty secret keeps the one that is held."""

    base_url: str = Field(max_length=500)
    kind: str = Field(max_length=20)
    name: str = Field("", max_length=200)
    secret: str = Field("", max_length=4000, repr=False)
    token_url: str = Field("", max_length=500)
    scope: str = Field("", max_length=200)
    ca: str = Field("", max_length=20_000)


@pages.post("/interfaces/{dataset}/connect", action="interface.connect")
def connected(desk: Desk, dataset: str, form: Annotated[ConnectForm, Form()]) -> Go | dict[str, Any]:
    """Registers address and secret; a fault gives the page back, without the secret."""
    given = attaching.Connection(**form.model_dump() | {"secret": form.secret or None})
    try:
        attaching.connect(desk.hub, desk.actor, dataset, given)
    except InputError as error:
        return {"template": "interfaces_connect.html", **_connecting(desk, dataset, error)}
    return Go(f"/interfaces/{dataset}", "地址和密钥已保存，密钥已加密、不再显示。请登记测试参数并测试。")


@pages.post("/interfaces/{dataset}/sample", action="interface.sample")
def sampled(
    desk: Desk, dataset: str, key: Annotated[list[str], Form()], value: Annotated[list[str], Form()]
) -> Go | dict[str, Any]:
    """Keeps the sample parameters, sealed."""
    return _step(
        desk,
        dataset,
        lambda: attaching.set_sample(desk.hub, desk.actor, dataset, dict(zip(key, value, strict=False))),
        "测试参数已加密保存。请测试。",
    )


@pages.post("/interfaces/{dataset}/limits", action="interface.limit")
def limited(
    desk: Desk, dataset: str, name: Annotated[list[str], Form()], value: Annotated[list[int], Form()]
) -> Go | dict[str, Any]:
    """Sets the limits."""
    return _step(
        desk,
        dataset,
        lambda: attaching.limit(desk.hub, desk.actor, dataset, dict(zip(name, value, strict=False))),
        "限额已保存。",
    )


@pages.post("/interfaces/{dataset}/test", action="interface.test")
def tested(desk: Desk, dataset: str) -> Go | dict[str, Any]:
    """Tests the interface with its sample."""
    return _step(
        desk,
        dataset,
        lambda: testing.run_test(desk.hub, desk.actor, dataset),
        lambda view: "测试通过。" if (view.test or {}).get("passed") else "测试没有通过，原因见下。",
    )


@pages.post("/interfaces/{dataset}/submit", action="interface.submit")
def submitted(desk: Desk, dataset: str) -> Go | dict[str, Any]:
    """Submits the interface for review."""
    return _step(desk, dataset, lambda: attaching.submit(desk.hub, desk.actor, dataset), "已提交接口审核。")


@pages.post("/interfaces/{dataset}/decide", action="interface.decide")
def decided(
    desk: Desk, dataset: str, decision: Annotated[str, Form(max_length=10)], opinion: Words = ""
) -> Go | dict[str, Any]:
    """Approves or returns the interface."""
    return _step(
        desk,
        dataset,
        lambda: attaching.decide(desk.hub, desk.actor, dataset, decision == "approve", opinion),
        lambda view: f"已办理：接口{view.state_name}。",
    )


@pages.post("/interfaces/{dataset}/suspend", action="interface.suspend")
def suspended(desk: Desk, dataset: str, reason: Words = "") -> Go | dict[str, Any]:
    """Suspends the interface."""
    return _step(
        desk, dataset, lambda: testing.suspend(desk.hub, desk.actor, dataset, reason), "接口已暂停，调用方会看到理由。"
    )


@pages.post("/interfaces/{dataset}/resume", action="interface.resume")
def resumed(desk: Desk, dataset: str) -> Go | dict[str, Any]:
    """Resumes the interface after a test."""
    return _step(desk, dataset, lambda: testing.resume(desk.hub, desk.actor, dataset), "测试通过，接口已恢复。")


@pages.post("/interfaces/{dataset}/close", action="interface.close")
def closed(desk: Desk, dataset: str) -> Go | dict[str, Any]:
    """Closes the interface."""
    return _step(
        desk, dataset, lambda: attaching.close(desk.hub, desk.actor, dataset), "接口已关闭，密钥和测试参数已删除。"
    )
