"""A contract's server → Attachment (挂接): complete for its connector and mode, and without any secret."""

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from croniter import CroniterError, croniter

from schemas.contract.report import Path, Report, shown
from schemas.contract.vocabulary import read, read_custom
from schemas.entry import Attachment

_FORMAT_OF_SUFFIX = {
    ".csv": "csv", ".csv.gz": "csv", ".txt": "csv", ".tsv": "csv", ".parquet": "parquet",
    ".xlsx": "workbook", ".xls": "workbook", ".xlsm": "workbook", ".xlsb": "workbook", ".ods": "workbook",
}  # fmt: skip
#: What a connector needs, and what would be silently ignored with it.
_NEEDS = {"postgres": ("connection", "table"), "sql": ("connection", "table"), "file": ("location",)}
_TABLE_FACTS = (
    "schema", "table", "watermarkColumn", "longestTransactionSeconds", "comparisonDays",
    "operationColumn", "timeColumn", "batchColumn", "guidColumn",
)  # fmt: skip
_FILE_FACTS = ("location", "format", "encoding", "delimiter", "sheet", "headerRow", "totalRows")
_FORMAT_FACTS = {
    "csv": ("encoding", "delimiter", "headerRow", "totalRows"),
    "workbook": ("sheet", "headerRow", "totalRows"),
    "parquet": (),
}
_MODE_FACTS = {
    "watermark": ("watermarkColumn", "longestTransactionSeconds", "comparisonDays"),
    "change_flag": ("operationColumn", "timeColumn", "batchColumn", "guidColumn"),
}
_SECRET = re.compile(r"://[^/@\s]*:[^/@\s]*@|(?i:password|passwd|secret|access_?key|token)\s*=")
_FIELDS = {field.name for field in fields(Attachment)}
_SNAKE = re.compile(r"(?<=[a-z])([A-Z])")


def read_attachment(
    report: Report, servers: Any, fallback_table: str | None, row_key: tuple[str, ...]
) -> Attachment | None:
    """Reads the one server of a contract; None where it has none (an entry that is not attached yet)."""
    if not isinstance(servers, list) or not servers:
        return None
    at: Path = ("servers", 0)
    if len(servers) > 1:
        report.add(("servers", 1), "CONTRACT_VALUE", f"有{len(servers)}个servers", "只能有一个", "请只留一个数据来源")
    server = read(report, at, servers[0], "server")
    facts, where = read_custom(report, (*at, "customProperties"), server.get("customProperties"), "server_custom")
    connector, mode = facts.get("connector"), facts.get("mode")
    if connector is None or mode is None:
        return None
    if connector != "file" and fallback_table and "table" not in where:
        facts["table"] = fallback_table
    here = (*at, "customProperties")
    _check_needs(report, here, facts, where, row_key)
    if connector == "file" and "format" not in facts:
        _find_format(report, here, facts)
    _warn_unused(report, facts, where)
    _refuse_secrets(report, facts, where)
    return None if report.broken else _build(facts)


def _check_needs(
    report: Report, here: Path, facts: Mapping[str, Any], where: Mapping[str, Path], row_key: tuple[str, ...]
) -> None:
    connector, mode = facts["connector"], facts["mode"]
    for name in _NEEDS[connector]:
        if name not in where and name not in facts:
            report.add(
                (*here, name),
                "CONTRACT_ATTACHMENT",
                f"缺少“{name}”",
                f"connector为{connector}时必填",
                f"请补上“{name}”",
            )
    if connector == "file" and mode != "snapshot":
        report.add(
            where["mode"],
            "CONTRACT_ATTACHMENT",
            f"文件不能用mode“{mode}”",
            "文件只用snapshot（全量）",
            "请改为snapshot",
        )
    if mode == "watermark" and "watermarkColumn" not in where:
        got = "缺少“watermarkColumn”"
        report.add((*here, "watermarkColumn"), "CONTRACT_ATTACHMENT", got, "增量(时间戳)必填", "请写出更新时间列")
    if mode == "change_flag" and not row_key:
        got = "增量(标志位)需要主键，但没有数据项标为主键"
        report.add(where["mode"], "CONTRACT_ATTACHMENT", got, "至少一个数据项primaryKey: true", "请标出主键")
    if "connection" in facts and _leads_out(str(facts.get("location", ""))):
        got, allowed = "location超出了连接的根目录", "连接根目录下的相对路径，不含“..”"
        report.add(where["location"], "CONTRACT_ATTACHMENT", got, allowed, "请改为相对路径")
    if "sheet" in facts and (isinstance(facts["sheet"], bool) or not _is_sheet(facts["sheet"])):
        report.add(where["sheet"], "CONTRACT_TYPE", "sheet的写法不对", "工作表名称，或从0开始的序号", "请改正")


def _leads_out(location: str) -> bool:
    parts = location.replace("\\", "/").split("/")
    return (parts[0] == "" and len(parts) > 1) or ".." in parts or "://" in location


def _is_sheet(value: Any) -> bool:
    return (isinstance(value, str) and bool(value.strip())) or (isinstance(value, int) and 0 <= value < 1000)


def _find_format(report: Report, here: Path, facts: dict[str, Any]) -> None:
    location = str(facts.get("location", "")).casefold()
    for suffix, name in _FORMAT_OF_SUFFIX.items():
        if location.endswith(suffix):
            facts["format"] = name
            return
    if location:
        got = "从文件名看不出格式"
        report.add((*here, "format"), "CONTRACT_ATTACHMENT", got, "csv、parquet、workbook", "请补上“format”")


def _warn_unused(report: Report, facts: Mapping[str, Any], where: Mapping[str, Path]) -> None:
    connector, mode = facts["connector"], facts["mode"]
    unused = set(_TABLE_FACTS if connector == "file" else _FILE_FACTS)
    if connector == "file" and "format" in facts:
        unused |= set(_FILE_FACTS[2:]) - set(_FORMAT_FACTS[facts["format"]])
    for other, names in _MODE_FACTS.items():
        unused |= set(names) if other != mode else set()
    for name in sorted(unused & set(where)):
        report.warn(
            where[name],
            "CONTRACT_UNUSED",
            f"“{name}”不起作用",
            f"connector为{connector}、mode为{mode}时不读它",
            "可以删去",
        )


def _refuse_secrets(report: Report, facts: Mapping[str, Any], where: Mapping[str, Path]) -> None:
    for name, value in facts.items():
        if name in where and isinstance(value, str) and _SECRET.search(value):
            step = "请用“shuqiao connection set”登记连接，这里只写连接名称"
            report.add(where[name], "CONTRACT_SECRET", f"“{name}”里像是有口令", "目录条目不得含口令或密钥", step)


def _build(facts: Mapping[str, Any]) -> Attachment:
    values = {_SNAKE.sub(lambda match: "_" + match[1].lower(), name): value for name, value in facts.items()}
    if "reading_window" in values:
        start, end = values["reading_window"].split("-")
        values["reading_window"] = (start, end)
    return Attachment(**{name: value for name, value in values.items() if name in _FIELDS})


def check_schedule(report: Report, at: Path, schedule: str) -> None:
    """Checks a cron expression of five fields that fires at least once."""
    step = "请写五段cron，如0 2 * * *（每天2时）"
    if len(schedule.split()) != 5 or not croniter.is_valid(schedule):
        report.add(at, "CONTRACT_CRON", f"计划“{shown(schedule)}”不是有效的cron表达式", "分 时 日 月 周", step)
        return
    try:
        croniter(schedule).get_next()
    except CroniterError:
        report.add(at, "CONTRACT_CRON", f"计划“{shown(schedule)}”永远不会执行", "至少一个存在的日期", step)
