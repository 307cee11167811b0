"""`shuqiao query`: an analyst's statements over what is granted; every command signs an account in."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from cli.options import AsJson, AsOf, Login, Purpose
from cli.output import print_json, print_table, say, shallow, text
from cli.session import desk
from exchange.queries import approval, exports, running, saved
from schemas.errors import InputError

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

TABLE_COLUMNS = (("dataset", "数据集"), ("title", "名称"), ("grant", "授权"), ("purposes", "用途"), ("items", "数据项"))
HISTORY_COLUMNS = (
    ("id", "查询"), ("state_name", "状态"), ("rows", "行数"), ("started_at", "开始时间"), ("sql", "语句"),
)  # fmt: skip
EXPORT_COLUMNS = (
    ("number", "导出"), ("state_name", "状态"), ("format", "格式"), ("rows", "行数"), ("fetch_until", "领取期限"),
)  # fmt: skip


@app.command()
def tables(login: Login, as_json: AsJson = False) -> None:
    """列出可查询的数据集、数据项及其使用方式。

    示例：shuqiao query tables --login zhang
    """
    with desk(login) as (hub, actor):
        found = saved.tables(hub, actor)
    if as_json:
        print_json(found)
        return
    rows = [
        shallow(each) | {"purposes": each.purpose_names, "items": [f"{i.name}（{i.state_name}）" for i in each.items]}
        for each in found
    ]
    print_table("可查询的数据集", TABLE_COLUMNS, rows, empty="没有可查询的数据集，请先申请。")


@app.command()
def run(
    sql: Annotated[str, typer.Argument(help="一条SELECT；表名就是数据集名称。")],
    login: Login,
    purpose: Purpose,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """查询授权的数据，显示前100行；全部结果请用 download。

    示例：shuqiao query run "SELECT sex_code, count(*) FROM population GROUP BY 1" --login zhang --purpose basis
    """
    with desk(login) as (hub, actor):
        answer = running.run(hub, actor, sql, purpose, as_of)
    if as_json:
        print_json(answer)
        return
    for each in answer.query.datasets:
        late = "，更新延迟" if each.late else ""
        say(f"{each.dataset} 版本 {each.version}，数据截至 {text(each.data_time)}{late}，授权 {each.grant}。")
    columns = [(name, name) for name in answer.page.columns]
    rows = [dict(zip(answer.page.columns, row, strict=True)) for row in answer.page.rows]
    print_table(f"{answer.query.id} 共 {answer.query.rows} 行", columns, rows, empty="没有符合条件的行。")


@app.command()
def download(
    sql: Annotated[str, typer.Argument(help="一条SELECT；表名就是数据集名称。")],
    output: Annotated[Path, typer.Option("-o", "--output", help="写到文件。")],
    login: Login,
    purpose: Purpose,
    format_: Annotated[str, typer.Option("--format", help="csv、json、arrow、parquet 或 xlsx。")] = "csv",
) -> None:
    """查询并导出为带水印的文件；须经审核的导出会被拒绝，请在门户申请。

    示例：shuqiao query download "SELECT * FROM population" -o a.csv --login zhang --purpose basis
    """
    with desk(login) as (hub, actor):
        _write(output, lambda: exports.download(hub, actor, sql, purpose, format_).file)


@app.command()
def fetch(
    number: Annotated[str, typer.Argument(help="导出编号。")],
    output: Annotated[Path, typer.Option("-o", "--output", help="写到文件。")],
    login: Login,
) -> None:
    """领取批准的导出，只能领取一次。

    示例：shuqiao query fetch DC20261128000001 -o a.csv --login zhang
    """
    with desk(login) as (hub, actor):
        _write(output, lambda: exports.fetch(hub, actor, number))


def _write(output: Path, fetched: Callable[[], exports.Fetched]) -> None:
    """Writes a file that can be fetched once: there must be a place for it before it is asked for."""
    try:
        with output.open("xb") as stream:
            output.chmod(0o600)
            try:
                file = fetched()
                stream.writelines(file.pieces)
            except BaseException:
                output.unlink()
                raise
    except OSError as error:
        raise InputError(
            f"不能写文件（{type(error).__name__}）", "尚不存在的文件", "请换一个 -o 的路径", code="OUTPUT_UNWRITABLE"
        ) from None
    say(f"已写入 {output}，导出编号 {file.number}。")


@app.command()
def history(login: Login, as_json: AsJson = False) -> None:
    """列出本人的查询记录。

    示例：shuqiao query history --login zhang
    """
    with desk(login) as (hub, actor):
        found = saved.history(hub, actor)
    if as_json:
        print_json(found)
        return
    print_table("查询记录", HISTORY_COLUMNS, map(shallow, found), empty="还没有查询。")


@app.command()
def cancel(query_id: Annotated[str, typer.Argument(help="查询编号（history 可查）。")], login: Login) -> None:
    """取消正在运行的查询，无论它在哪个进程。

    示例：shuqiao query cancel q0123456789 --login zhang
    """
    with desk(login) as (hub, actor):
        running.cancel(hub, actor, query_id)
    say("已请求取消。")


@app.command("exports")
def exports_(login: Login, as_json: AsJson = False) -> None:
    """列出本人的导出和待本部门审核的导出。

    示例：shuqiao query exports --login zhang
    """
    with desk(login) as (hub, actor):
        found = approval.exports(hub, actor)
    if as_json:
        print_json(found)
        return
    print_table("导出", EXPORT_COLUMNS, map(shallow, found), empty="还没有导出。")
