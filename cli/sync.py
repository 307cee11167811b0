"""`shuqiao sync`: the DAG's own use-cases run in this process, and what can be done with a run."""

from enum import StrEnum
from typing import Annotated

import typer

from cli.options import AsJson, Dataset, Reason, Run
from cli.output import print_facts, print_json, print_table, progress, say, shallow
from cli.session import hub
from exchange import sync as use_cases

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


class SyncMode(StrEnum):
    """The three modes of reading."""

    snapshot = "snapshot"
    watermark = "watermark"
    change_flag = "change_flag"


RUN_COLUMNS = (
    ("run_id", "批次"),
    ("dataset", "数据集"),
    ("state", "状态"),
    ("version", "版本"),
    ("extracted", "读取"),
    ("accepted", "通过"),
    ("quarantined", "问题数据"),
    ("duplicates", "重复"),
    ("inserted", "新增"),
    ("updated", "更新"),
    ("deleted", "删除"),
    ("unchanged", "未变"),
)
NOTICE_COLUMNS = (("code", "代码"), ("says", "说明"), ("likely", "可能的新列名"))
SHOWN = (
    ("mode", "读取方式"),
    ("comparison", "全量比对"),
    ("entry_version", "目录条目版本"),
    ("conflicts", "主键冲突"),
    ("kept", "保留旧值的行"),
    ("rows_before", "原有行数"),
    ("rows_after", "现有行数"),
    ("hold_reasons", "暂缓发布的原因"),
    ("closing_reason", "处理理由"),
    ("error", "错误"),
    ("seconds", "用时（秒）"),
    ("created_at", "开始时间"),
    ("data_time", "数据截至"),
    ("finished_at", "结束时间"),
)
STATES = {
    "created": "已创建",
    "extracted": "已读取",
    "validated": "已校验",
    "publishing": "发布中",
    "published": "已发布",
    "held": "暂缓发布",
    "discarded": "已作废",
    "superseded": "已被替代",
    "failed": "失败",
}


def show_run(view: object, *, as_json: bool) -> None:
    """Prints one run: as the JSON object of `sync run --json`, or as facts with Chinese names."""
    if as_json:
        print_json(view)
        return
    facts = shallow(view)
    facts["state"] = STATES.get(facts["state"], facts["state"])
    print_facts(f"批次 {facts['run_id']}", [(heading, facts.get(key)) for key, heading in RUN_COLUMNS[1:]])


@app.command()
def run(
    dataset: Dataset,
    mode: Annotated[SyncMode | None, typer.Option("--mode", help="读取方式；不写则按目录条目。")] = None,
    as_json: AsJson = False,
) -> None:
    """在本进程内同步一个数据集：读取、校验、发布；暂缓发布时退出码为3。

    示例：shuqiao sync run population --json
    """
    with hub() as (opened, actor), progress(f"同步 {dataset}") as report:
        view = use_cases.run(opened, actor, dataset, mode=mode.value if mode else None, progress=report)
    show_run(view, as_json=as_json)
    if view.state == "held":
        say("批次暂缓发布：" + "；".join(view.hold_reasons) + "。")
        say("可以放行（sync release）、作废（sync discard）或重新校验（sync revalidate）。")
        raise typer.Exit(3)


@app.command("list")
def list_(
    dataset: Annotated[str | None, typer.Option("--dataset", help="只看一个数据集。")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="最多多少条。")] = 50,
    as_json: AsJson = False,
) -> None:
    """列出批次，新的在前。

    示例：shuqiao sync list --dataset population
    """
    with hub() as (opened, actor):
        views = use_cases.list_runs(opened, actor, dataset=dataset, limit=limit)
    if as_json:
        print_json(views)
        return
    rows = [shallow(view) for view in views]
    for row in rows:
        row["state"] = STATES.get(row["state"], row["state"])
    print_table("批次", RUN_COLUMNS, rows, empty="还没有批次。")


@app.command()
def show(run_id: Run, as_json: AsJson = False) -> None:
    """查看一个批次：计数、问题分布、暂缓原因、用时。

    示例：shuqiao sync show 20261122T080000-1a2b3c4d
    """
    with hub() as (opened, actor):
        detail = use_cases.show_run(opened, actor, run_id)
    if as_json:
        print_json(detail)
        return
    show_run(detail, as_json=False)
    facts = shallow(detail)
    print_facts("详情", [(heading, facts[key]) for key, heading in SHOWN])
    found = [{"code": code, "count": count} for code, count in sorted(detail.findings.items())]
    print_table("发现", (("code", "问题代码"), ("count", "次数")), found, empty="没有发现问题。")
    print_table("提示", NOTICE_COLUMNS, detail.notices, empty="没有提示。")


@app.command()
def release(run_id: Run, reason: Reason, as_json: AsJson = False) -> None:
    """放行一个暂缓发布的批次并发布。

    示例：shuqiao sync release RUN --reason "提供部门已确认撤并"
    """
    with hub() as (opened, actor):
        view = use_cases.release(opened, actor, run_id, reason)
    show_run(view, as_json=as_json)


@app.command()
def discard(run_id: Run, reason: Reason, as_json: AsJson = False) -> None:
    """作废一个暂缓发布的批次，已发布的版本不变。

    示例：shuqiao sync discard RUN --reason "来源导出不完整"
    """
    with hub() as (opened, actor):
        view = use_cases.discard(opened, actor, run_id, reason)
    show_run(view, as_json=as_json)


@app.command()
def revalidate(run_id: Run, as_json: AsJson = False) -> None:
    """按最新发布的目录条目重新校验一个暂缓发布的批次，不再读来源；通过则发布。

    示例：shuqiao sync revalidate RUN
    """
    with hub() as (opened, actor):
        view = use_cases.revalidate(opened, actor, run_id)
    show_run(view, as_json=as_json)
