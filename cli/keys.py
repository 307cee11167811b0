"""`shuqiao keys`: status, rotate, re-encrypt and retire the hub's keys."""

from typing import Annotated

import typer

from cli.options import AsJson, Reason
from cli.output import print_json, print_table, shallow
from cli.session import hub
from exchange.keys import rotation
from exchange.keys.rotation import KeyView

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

KEY_COLUMNS = (
    ("generation", "代"),
    ("created_at", "生成时间"),
    ("seals", "用于封存"),
    ("hashes", "用于散列"),
    ("retired", "已退役"),
    ("values", "封存值"),
    ("places", "所在"),
)


@app.command()
def status(as_json: AsJson = False) -> None:
    """列出各代密钥及其仍封存着什么；逐一扫描所有封存值，不打开任何一个。

    示例：shuqiao keys status
    """
    with hub() as (opened, actor):
        views = rotation.status(opened, actor)
    _print(views, as_json=as_json)


@app.command()
def rotate(reason: Reason, as_json: AsJson = False) -> None:
    """更换密钥：新一代立即用于封存，已封存的仍可读，服务不中断。

    示例：shuqiao keys rotate --reason 年度更换
    """
    with hub() as (opened, actor):
        views = rotation.rotate(opened, actor, reason)
    _print(views, as_json=as_json)


@app.command()
def reencrypt(
    seconds: Annotated[float | None, typer.Option(help="最多工作多少秒；不写则做完为止。", min=0)] = None,
    as_json: AsJson = False,
) -> None:
    """以最新一代密钥逐步重新加密；可随时中断，再次运行从余下的继续。

    示例：shuqiao keys reencrypt --seconds 600
    """
    with hub() as (opened, actor):
        done = rotation.reencrypt(opened, actor, seconds=seconds)
    if as_json:
        print_json(done)
        return
    rows = [{"place": place, "count": count} for place, count in done.places.items()]
    print_table(
        f"已重新加密，尚余 {done.left} 个封存值",
        (("place", "所在"), ("count", "数量")),
        rows,
        empty="没有可重写的封存值。",
    )


@app.command()
def retire(
    generation: Annotated[int, typer.Argument(help="第几代（keys status 可查）。", min=1)],
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """退役一代密钥；仍有封存值使用它时拒绝，并说明在哪里。

    示例：shuqiao keys retire 1 --reason 年度更换
    """
    with hub() as (opened, actor):
        views = rotation.retire(opened, actor, generation, reason)
    _print(views, as_json=as_json)


def _print(views: list[KeyView], *, as_json: bool) -> None:
    if as_json:
        print_json(views)
        return
    print_table("密钥", KEY_COLUMNS, map(shallow, views), empty="没有密钥。")
