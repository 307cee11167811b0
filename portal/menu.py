"""The menu: places of the portal in groups, and the action that lets a person see each."""

from dataclasses import dataclass

from portal.desk import Desk


@dataclass(frozen=True, slots=True)
class Place:
    """One place in the menu."""

    path: str
    name: str
    action: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A place, or a group by its first place, as one person sees it."""

    path: str
    name: str
    here: bool


@dataclass(frozen=True, slots=True)
class Menu:
    """The groups in which a person has a place, and the places of the group that the page belongs to."""

    groups: tuple[Shown, ...]
    places: tuple[Shown, ...]


#: In the order of the day's work; each group too.
GROUPS: dict[str, tuple[Place, ...]] = {
    "工作台": (
        Place("/", "概览", "overview.show"),
        Place("/tasks", "待办", "task.list"),
        Place("/search", "搜索", "search.find"),
    ),
    "目录": (
        Place("/entries", "政务数据目录", "entry.list"),
        Place("/datasets", "共享数据集", "dataset.list"),
        Place("/uploads", "文件填报", "upload.list"),
        Place("/systems", "信息系统", "system.list"),
    ),
    "归集与质量": (
        Place("/connections", "连接", "connection.list"),
        Place("/runs", "同步批次", "run.list"),
        Place("/problems", "问题数据", "problem.list"),
        Place("/orders", "整改单", "order.list"),
        Place("/quality", "质量", "quality.show"),
    ),
    "共享": (
        Place("/sharing/requests", "共享申请", "share.list"),
        Place("/sharing/inbox", "待办理的申请", "share.inbox"),
        Place("/sharing/grants", "授权", "grant.list"),
        Place("/sharing/usage", "使用情况", "grant.usage"),
        Place("/sharing/recalls", "数据召回", "recall.list"),
        Place("/sharing/freezes", "冻结", "freeze.list"),
        Place("/sharing/emergencies", "应急查询", "emergency.list"),
        Place("/sharing/drift", "授权核对", "grant.drift"),
        Place("/interfaces", "接口", "interface.list"),
        Place("/deliveries", "订阅推送", "delivery.list"),
    ),
    "使用数据": (
        Place("/query", "在线查询", "query.run"),
        Place("/exports", "查询导出", "query.exports"),
        Place("/window", "按号码核对", "keyed.granted"),
        Place("/batches", "批量核验", "batch.list"),
        Place("/intakes", "预受理号", "intake.list"),
        Place("/slips", "核验凭证", "slip.list"),
        Place("/clients", "机器客户端", "client.list"),
    ),
    "管理与审计": (
        Place("/people", "人员", "person.list"),
        Place("/departments", "部门", "department.list"),
        Place("/keys", "密钥", "keys.status"),
        Place("/alerts", "告警", "alert.list"),
        Place("/audit", "操作日志", "audit.list"),
    ),
}


def menu_for(desk: Desk | None, path: str) -> Menu | None:
    """Shows the groups and the places that the person may see; a page of no place is shown with the first group."""
    if desk is None:
        return None
    may = {name: [place for place in places if desk.may(place.action)] for name, places in GROUPS.items()}
    seen = {name: places for name, places in may.items() if places}
    here = next((place for places in seen.values() for place in places if _within(path, place.path)), None)
    near = [name for name, places in seen.items() if any(_beside(path, each.path) for each in places)]
    of = next((name for name, places in seen.items() if here in places), near[0] if near else "")
    group = of or next(iter(seen), "")
    groups = tuple(Shown(places[0].path, name, name == of) for name, places in seen.items())
    return Menu(groups, tuple(Shown(each.path, each.name, each == here) for each in seen.get(group, ())))


def _beside(path: str, place: str) -> bool:
    """Says whether a page stands in the same folder as a place, as the form of a request does."""
    return path.count("/") > 1 and path.split("/")[1] == place.split("/")[1]


def _within(path: str, place: str) -> bool:
    return path == place or (place != "/" and path.startswith(place + "/"))
