"""The sentences of a source's failures: what was got, what is allowed, what to do next. Never a secret or value."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from schemas.errors import HubError, SchemaDrift, SourceDown, SourceError, SourceRefused, SourceUnreadable

T = TypeVar("T")

ASK_DEPARTMENT = "请与提供部门核实后重试"


def unreachable(place: str, why: str = "") -> SourceDown:
    """Builds the failure of a system that does not answer."""
    return SourceDown(
        f"无法连接{place}" + (f"（{why}）" if why else ""),
        "来源系统应在线且网络可达",
        "稍后会自动重试；持续失败时请检查网络和来源系统",
    )


def locked(table: str) -> SourceDown:
    """Builds the failure of a table that others hold locked."""
    return SourceDown(
        f"表被锁定：{table}", "读取不等待超过规定时间", "稍后会自动重试；持续失败时请提供部门结束占用该表的事务"
    )


def log_in_refused(user: str) -> SourceRefused:
    """Builds the failure of a wrong account or password."""
    return SourceRefused(
        f"来源系统拒绝登录（账号{user or '未填'}）",
        "账号和密码应有效",
        "请用 shuqiao connection set 更新连接的账号和密码",
    )


def privilege_refused(what: str) -> SourceRefused:
    """Builds the failure of an account that may not read."""
    return SourceRefused(f"账号没有读取{what}的权限", "只需要查询（SELECT）权限", "请提供部门授予只读权限")


def table_missing(table: str) -> SourceUnreadable:
    """Builds the failure of a table that is not there."""
    return SourceUnreadable(f"来源系统中没有表{table}", "挂接中的表应存在且账号可见", "请核对挂接中的schema和table")


def table_not_named() -> SourceUnreadable:
    """Builds the failure of an attachment without a table."""
    return SourceUnreadable("挂接没有写明表", "应有table", "请在目录的挂接中填写table")


def address_unknown() -> SourceUnreadable:
    """Builds the failure of a connection URL that is none; the URL is not shown, it may hold a password."""
    return SourceUnreadable(
        "连接地址无法识别", "应形如“种类://账号:密码@主机:端口/库”", "请用 shuqiao connection set 重新登记"
    )


def columns_missing(table: str, columns: list[str]) -> SchemaDrift:
    """Builds the failure of contract columns that are not at the source."""
    return SchemaDrift(
        f"{table}缺少列：{'、'.join(columns)}",
        "目录中的每个数据项都应有来源列",
        "请提供部门核实是否改名或删除，再修改目录",
    )


def type_differs(column: str) -> SourceUnreadable:
    """Builds the failure of files that do not agree about a column's type."""
    return SourceUnreadable(f"各文件中列{column}的类型不一致", "同一次读取的文件应结构相同", ASK_DEPARTMENT)


def no_header(name: str, row: int) -> SourceUnreadable:
    """Builds the failure of a file or sheet whose header row holds none of the contract's names."""
    return SourceUnreadable(
        f"{name}的第{row}行不是表头",
        "表头应写有目录中的列名",
        "请核对挂接中的headerRow（以及sheet、delimiter），或请提供部门补上表头",
    )


def column_twice(name: str, columns: list[str]) -> SourceUnreadable:
    """Builds the failure of a header that has a contract column twice."""
    return SourceUnreadable(
        f"{name}的表头中列名重复：{'、'.join(columns)}", "目录用到的列名只能出现一次", "请提供部门改正表头"
    )


def changed_while_reading(name: str) -> SourceDown:
    """Builds the failure of a file that somebody is still writing."""
    return SourceDown(
        f"文件{name}在读取过程中被改动", "文件应在写完后再读取", "稍后会自动重试；请提供部门写完后再改名放入"
    )


def interrupted(error: BaseException) -> SourceDown:
    """Builds the failure of a reading that broke off for a reason we have no better word for."""
    return SourceDown(
        f"读取来源时中断（{type(error).__name__}）",
        "读取应能进行到最后",
        "稍后会自动重试；持续失败时请查看来源系统的日志",
    )


def attempt(call: Callable[[], T], explain: Callable[[Exception], HubError]) -> T:
    """Runs `call`; a library's exception becomes ours with neither cause nor context, since both may carry values."""
    try:
        return call()
    except HubError:
        raise
    except Exception as error:  # noqa: BLE001 - explained and raised anew below
        failure = explain(error)
    raise failure


def guarded(items: Iterator[T], explain: Callable[[Exception], SourceError]) -> Iterator[T]:
    """Iterates `items` and explains what breaks; see `attempt`."""
    end = object()
    while True:
        item = attempt(lambda: next(items, end), explain)
        if item is end:
            return
        yield item  # type: ignore[misc]
