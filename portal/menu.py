"""The menu: places of the portal and the action that lets a person see each."""

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
    """A place as one person sees it."""

    path: str
    name: str
    here: bool


#: In the order of the day's work.
PLACES: tuple[Place, ...] = (
    Place("/", "概览", "overview.show"),
    Place("/tasks", "待办", "task.list"),
    Place("/entries", "政务数据目录", "entry.list"),
    Place("/search", "搜索", "search.find"),
    Place("/uploads", "文件填报", "upload.list"),
    Place("/datasets", "共享数据集", "dataset.list"),
    Place("/connections", "连接", "connection.list"),
    Place("/runs", "同步批次", "run.list"),
    Place("/problems", "问题数据", "problem.list"),
    Place("/orders", "整改单", "order.list"),
    Place("/quality", "质量", "quality.show"),
    Place("/systems", "信息系统", "system.list"),
    Place("/people", "人员", "person.list"),
    Place("/departments", "部门", "department.list"),
    Place("/audit", "审计", "audit.list"),
    Place("/alerts", "告警", "alert.list"),
    Place("/sharing/requests", "共享申请", "share.list"),
    Place("/sharing/grants", "授权", "grant.list"),
    Place("/deliveries", "订阅推送", "delivery.list"),
    Place("/keys", "密钥", "keys.status"),
    Place("/window", "按号码核对", "keyed.granted"),
    Place("/intakes", "预受理号", "intake.list"),
    Place("/clients", "机器客户端", "client.list"),
    Place("/interfaces", "接口", "interface.list"),
    Place("/query", "在线查询", "query.run"),
    Place("/exports", "查询导出", "query.exports"),
)


def menu_for(desk: Desk | None, path: str) -> list[Shown]:
    """Lists the places that the person may see."""
    if desk is None:
        return []
    return [
        Shown(place.path, place.name, path == place.path or (place.path != "/" and path.startswith(place.path + "/")))
        for place in PLACES
        if desk.may(place.action)
    ]
