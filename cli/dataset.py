"""`shuqiao dataset`: show, versions, rollback, and look-up by subject under a grant, for which an account signs in."""

import sys
from typing import Annotated

import typer

from cli.options import AsJson, Dataset, Login, Purpose, Reason
from cli.output import print_facts, print_json, print_table, say, shallow, text
from cli.session import desk, hub
from cli.sync import show_run
from exchange import datasets as use_cases
from exchange.keyed import operations
from exchange.keyed.why import Why

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

DATASET_COLUMNS = (
    ("dataset", "数据集"),
    ("title", "名称"),
    ("version", "版本"),
    ("rows", "行数"),
    ("published_at", "发布时间"),
    ("data_time", "数据截至"),
)
VERSION_COLUMNS = (
    ("version", "版本"),
    ("rows", "行数"),
    ("run_id", "批次"),
    ("published_at", "发布时间"),
    ("kind", "来由"),
)
SHOWN = (
    *DATASET_COLUMNS[1:],
    ("provider_name", "提供部门"),
    ("stale", "保留旧值的行"),
    ("hold_next", "下次同步暂缓发布"),
)
ITEM_COLUMNS = (("name", "列名"), ("title", "数据项"), ("type", "类型"), ("level", "分级"), ("sealed", "密封"))
PROBLEM_COLUMNS = (("code", "代码"), ("item", "数据项"), ("rows", "行数"))


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """列出共享数据集。

    示例：shuqiao dataset list
    """
    with hub() as (opened, actor):
        views = use_cases.list_datasets(opened, actor)
    if as_json:
        print_json(views)
        return
    print_table("共享数据集", DATASET_COLUMNS, map(shallow, views), empty="还没有数据集。")


@app.command()
def show(dataset: Dataset, as_json: AsJson = False) -> None:
    """查看一个数据集：版本、行数、数据项。

    示例：shuqiao dataset show population
    """
    with hub() as (opened, actor):
        view = use_cases.show_dataset(opened, actor, dataset)
    if as_json:
        print_json(view)
        return
    facts = shallow(view)
    print_facts(dataset, [(heading, facts[key]) for key, heading in SHOWN])
    print_table("数据项", ITEM_COLUMNS, facts["items"], empty="没有数据项。")
    print_table("未了结的问题", PROBLEM_COLUMNS, facts["open_problems"], empty="没有未了结的问题数据。")


@app.command()
def versions(dataset: Dataset, as_json: AsJson = False) -> None:
    """列出一个数据集的版本。

    示例：shuqiao dataset versions population
    """
    with hub() as (opened, actor):
        views = use_cases.versions(opened, actor, dataset)
    if as_json:
        print_json(views)
        return
    print_table(f"{dataset} 的版本", VERSION_COLUMNS, map(shallow, views), empty="还没有发布过版本。")


@app.command()
def rollback(
    dataset: Dataset,
    reason: Reason,
    to: Annotated[int, typer.Option("--to", help="要回到的版本号。")],
    as_json: AsJson = False,
) -> None:
    """回退：发布一个与旧版本内容相同的新版本；下一次同步会暂缓发布，等人放行。

    示例：shuqiao dataset rollback population --to 3 --reason "来源误删"
    """
    with hub() as (opened, actor):
        view = use_cases.rollback(opened, actor, dataset, to, reason)
    if as_json:
        print_json(view)
        return
    show_run(view, as_json=False)


@app.command()
def lookup(
    dataset: Dataset,
    key: Annotated[str, typer.Argument(help="公民身份号码或统一社会信用代码；写 - 则从标准输入的下一行读。")],
    login: Login,
    purpose: Purpose,
    case: Annotated[str, typer.Option("--case", help="办件编号；受理前的预受理号请在门户或接口使用。")],
    as_json: AsJson = False,
) -> None:
    """按授权用号码查一个数据集，返回零到多行；数据管理员须有经确认的应急查询。每次都记入操作日志。

    示例：shuqiao dataset lookup population 62040219900307987X --login wen --purpose basis --case BJ-2026-000123
    """
    with desk(login) as (opened, actor):
        typed = sys.stdin.readline().strip() if key == "-" else key
        answer = operations.fetch(opened, actor, dataset, typed, Why(purpose=purpose, case_no=case))
    if as_json:
        print_json(answer)
        return
    basis = f"授权 {answer['grant']}，版本 {answer['version']}，数据截至 {text(answer['data_time'])}"
    say("；".join([f"{dataset} {answer['says']}，{basis}", *answer["notices"]]) + "。")
    for row in answer["rows"]:
        stale = row.get("stale_since")
        kept = f"（{stale} 起的新数据未通过校验，显示的是上一个好版本）" if stale else ""
        disputed = f"（{row['disputed']}）" if "disputed" in row else ""
        print_facts("、".join(row["roles"] or ("查到",)) + kept + disputed, row["values"].items())
