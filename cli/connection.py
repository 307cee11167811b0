"""`shuqiao connection`: register, list and test connections to departments' systems."""

import sys
from typing import Annotated

import typer

from cli.options import AsJson
from cli.output import print_json, print_table, say, shallow
from cli.session import hub
from exchange import connections

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

STEP_COLUMNS = (("name", "步骤"), ("result", "结果"), ("says", "说明"), ("next_step", "下一步"))
CONNECTION_COLUMNS = (
    ("name", "名称"),
    ("kind", "种类"),
    ("host", "主机"),
    ("port", "端口"),
    ("database", "库名或文件夹"),
    ("username", "账号"),
    ("updated_at", "更新时间"),
)
STEP_NAMES = {
    "name": "域名",
    "port": "端口",
    "login": "登录",
    "privilege": "权限",
    "table": "数据表",
    "read_only": "只读",
}


@app.command("set")
def set_(
    name: Annotated[str, typer.Argument(help="连接名称，如 police。")],
    url: Annotated[str, typer.Argument(help="SQLAlchemy地址或文件夹地址；写 - 则从标准输入读，口令不进命令历史。")],
    department: Annotated[str | None, typer.Option(help="归属部门的代码；不写则归首个使用它的部门。")] = None,
) -> None:
    """登记或更新一个连接；口令加密保存，不再显示。

    示例：shuqiao connection set police - < police.url
    """
    with hub() as (opened, actor):
        given = sys.stdin.readline().strip() if url == "-" else url
        connections.set_connection(opened, actor, name, given, department)
    say(f"连接 {name} 已保存。用 shuqiao connection test {name} 测试。")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """列出连接，不含口令。

    示例：shuqiao connection list
    """
    with hub() as (opened, actor):
        views = connections.list_connections(opened, actor)
    if as_json:
        print_json(views)
        return
    print_table("连接", CONNECTION_COLUMNS, map(shallow, views), empty="还没有连接。")


@app.command()
def test(name: Annotated[str, typer.Argument(help="连接名称。")], as_json: AsJson = False) -> None:
    """逐步测试连接：域名、端口、登录、权限、数据表，说明哪一步失败。

    示例：shuqiao connection test police
    """
    with hub() as (opened, actor):
        steps = connections.test_connection(opened, actor, name)
    if as_json:
        print_json(steps)
    else:
        rows = [
            shallow(step)
            | {
                "name": STEP_NAMES.get(step.name, step.name),
                "result": "提醒" if step.warning else ("通过" if step.passed else "失败"),
            }
            for step in steps
        ]
        print_table(f"连接 {name}", STEP_COLUMNS, rows, empty="没有可测试的步骤。")
    if not all(step.passed for step in steps if not step.warning):
        sys.exit(1)
