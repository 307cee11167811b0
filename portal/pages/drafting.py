"""From a table to a draft entry: choose a table, look through what is proposed, make the draft."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import Form
from pydantic import BaseModel, Field

from exchange import drafting
from exchange.draft_contract import DraftFacts
from exchange.drafting import Draft, ItemChoice
from exchange.proposals import ItemProposal
from portal.desk import Desk
from portal.routes import Go, Pages
from schemas.codes import code_set, code_set_ids
from schemas.contract.vocabulary import places
from schemas.entry import DERIVED_FROM
from schemas.errors import HubError, InputError, StateError

pages = Pages()
router = pages.router

MODES = {"snapshot": "全量", "watermark": "增量(时间戳)", "change_flag": "增量(标志位)"}
#: 编制指南 1272号: classes of the directory that a department's own table belongs to.
CLASSES: tuple[tuple[str, str], ...] = (
    ("307", "部门信息资源"),
    ("201", "主题：公共服务"),
    ("202", "主题：健康保障"),
    ("203", "主题：社会保障"),
    ("204", "主题：食品药品安全"),
    ("205", "主题：安全生产"),
    ("206", "主题：价格监管"),
    ("207", "主题：能源安全"),
    ("208", "主题：信用体系"),
    ("209", "主题：城乡建设"),
    ("210", "主题：社区治理"),
    ("211", "主题：生态环保"),
    ("212", "主题：应急维稳"),
    ("101", "基础：人口"),
    ("102", "基础：法人单位"),
    ("103", "基础：自然资源和空间地理"),
    ("104", "基础：社会信用"),
    ("105", "基础：电子证照"),
)
_NOT_OFFERED = {"identifier", "code", "region", "binary", "capital_currency", *DERIVED_FROM}
_LEVELS = ("1", "2", "3", "4")


def _kinds() -> list[tuple[str, str]]:
    kinds = places()["item_custom"].keys["kind"].values
    offered = [(name, says) for name, says in kinds.items() if name not in _NOT_OFFERED]
    sets = [name for name in code_set_ids() if not name.startswith("gbt2260")]
    coded = [(f"code:{name}", f"代码：{code_set(name).title}") for name in sets]
    regions = [(f"region:{name}", f"代码：{code_set(name).title}") for name in ("gbt2260_any", "gbt2260_current")]
    return [*offered, *regions, *coded]


def _values(place: str, key: str) -> list[tuple[str, str]]:
    return list(places()[place].keys[key].values.items())


@pages.get("/connections/{name}/tables", action="connection.tables", title="选择表", template="connections_tables.html")
def tables(desk: Desk, name: str) -> dict[str, Any]:
    """Lists the tables of a connection."""
    found = drafting.list_tables(desk.hub, desk.actor, name)
    return {"title": f"{name}：选择表", "name": name, "tables": found}


@pages.get("/connections/{name}/draft", action="draft.propose", title="由表拟定目录条目", template="draft_new.html")
def proposed(desk: Desk, name: str, table: str, schema: str | None = None) -> dict[str, Any]:
    """Shows the proposed entry of a table."""
    return _shown(drafting.propose(desk.hub, desk.actor, name, table, schema), None)


def _shown(draft: Draft, error: HubError | None) -> dict[str, Any]:
    kinds = _kinds()
    table = f"{draft.schema}.{draft.table}" if draft.schema else draft.table
    return {
        "title": f"由表 {draft.table} 拟定目录条目",
        "draft": draft,
        "table": table,
        "error": error,
        "kinds": kinds,
        "kind_values": {value for value, _ in kinds},
        "classes": CLASSES,
        "cycles": _values("update_cycle", "updateCycle"),
        "shares": _values("root_custom", "share_type"),
        "modes": MODES,
    }


class DraftForm(BaseModel):
    """The form of a draft: the entry's own facts, and for each column one name, kind and level."""

    table: str = Field(max_length=255)
    title: str = Field(max_length=128)
    dataset: str = Field(max_length=48)
    abstract: str = Field(max_length=1000)
    classification: str = Field(max_length=50)
    update_cycle: str = Field(max_length=2)
    share_type: str = Field(max_length=2)
    share_condition: str = Field("", max_length=1000)
    share_scope: str = Field("", max_length=1000)
    column: list[str]
    item_title: list[str]
    kind: list[str]
    level: list[str]
    use: list[str] = []
    key: list[str] = []

    def facts(self) -> DraftFacts:
        """Returns what the entry says beside its items."""
        names = ("dataset", "title", "abstract", "classification", "share_type", "share_condition", "share_scope")
        return DraftFacts(**{name: getattr(self, name) for name in (*names, "update_cycle")})

    def choices(self) -> list[ItemChoice]:
        """Returns what was decided of each column."""
        if not len(self.column) == len(self.item_title) == len(self.kind) == len(self.level):
            raise InputError("表单不完整", "每一列都有名称、类别和分级", "请刷新页面后重试", code="FORM")
        rows = zip(self.column, self.item_title, self.kind, self.level, strict=True)
        return [
            ItemChoice(column, title, kind, int(level) if level in _LEVELS else 0, column in self.key)
            for column, title, kind, level in rows
        ]


@pages.post("/connections/{name}/draft", action="draft.make")
def made(desk: Desk, name: str, form: Annotated[DraftForm, Form()]) -> Go | dict[str, Any]:
    """Makes the draft, or shows the form again with what was written and what is wrong."""
    facts, rows = form.facts(), form.choices()
    chosen = [choice for choice in rows if choice.column in form.use]
    try:
        done = drafting.make(desk.hub, desk.actor, name, form.table, facts, chosen)
    except (InputError, StateError) as error:
        schema, _, bare = form.table.rpartition(".")
        draft = drafting.propose(desk.hub, desk.actor, name, bare, schema or None)
        written = {choice.column: choice for choice in rows}
        items = tuple(_written(item, written.get(item.column), form.use) for item in draft.items)
        return {"template": "draft_new.html", **_shown(replace(draft, facts=facts, items=items), error)}
    return Go(f"/entries/{done.dataset}", f"目录条目草稿“{done.title}”已生成，挂接已随草稿写好。请核对后提交审核。")


def _written(item: ItemProposal, choice: ItemChoice | None, use: list[str]) -> ItemProposal:
    if choice is None:
        return replace(item, use=False)
    kind, _, code_set_id = choice.kind.partition(":")
    told = {"title": choice.title, "kind": kind or item.kind, "code_set": code_set_id or None}
    return replace(item, **told, level=choice.level or item.level, key=bool(choice.key), use=item.column in use)  # type: ignore[arg-type]
