"""`shuqiao interface`: list interfaces, allow what only this machine's administrator may, test those that are due."""

import sys
from typing import Annotated

import typer

from cli.options import AsJson
from cli.output import print_json, print_table, say, shallow
from cli.session import hub
from exchange.interfaces import attaching, testing

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

COLUMNS = (
    ("dataset", "数据集"),
    ("state_name", "状态"),
    ("operation", "操作"),
    ("address", "地址"),
    ("suspended_says", "暂停原因"),
    ("tested_at", "上次测试"),
)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """列出接口，不含密钥。

    示例：shuqiao interface list
    """
    with hub() as (opened, actor):
        views = attaching.list_interfaces(opened, actor)
    if as_json:
        print_json(views)
        return
    print_table("接口", COLUMNS, map(shallow, views), empty="还没有接口。")


@app.command()
def allow(
    dataset: Annotated[str, typer.Argument(help="数据集名称。")],
    local: Annotated[bool, typer.Option("--local", help="许可本机和链路本地地址。")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="许可 http。")] = False,
) -> None:
    """许可接口使用本机地址或 http；不写选项则收回许可。

    示例：shuqiao interface allow pension --plain
    """
    with hub() as (opened, actor):
        view = attaching.allow(opened, actor, dataset, local, plain)
    allowed = [word for word, given in (("本机地址", view.local_address), ("http", view.plain_http)) if given]
    say(f"接口 {dataset} 的许可：{'、'.join(allowed) or '无'}。")


@app.command("test-due")
def test_due(as_json: AsJson = False) -> None:
    """测试到期的接口；与描述不符的自动暂停。供计划任务调用。

    示例：shuqiao interface test-due
    """
    with hub() as (opened, actor):
        done = testing.test_due(opened, actor)
    if as_json:
        print_json(done)
    else:
        say(f"测试了 {done.tested} 个接口，没有通过的：{'、'.join(done.failed) or '无'}。")
    if done.failed:
        sys.exit(1)
