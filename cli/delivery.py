"""`shuqiao delivery`: subscriptions of consumers, their batches, a full resend, the public signing keys."""

import sys
from typing import Annotated

import typer

from cli.options import AsJson, Dataset, Reason
from cli.output import print_facts, print_json, print_table, shallow
from cli.session import hub
from exchange.delivery import subscriptions, work
from exchange.delivery.places import kind_of
from exchange.delivery.subscriptions import NewSubscription, SubscriptionView
from schemas.errors import InputError

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Subscription = Annotated[str, typer.Argument(help="订阅编号（delivery list 可查）。")]
COLUMNS = (
    ("id", "订阅"),
    ("dataset", "数据集"),
    ("consumer", "使用部门"),
    ("grant", "授权"),
    ("kind_name", "送达方式"),
    ("place", "送达地址"),
    ("schedule", "计划"),
    ("state", "状态"),
    ("delivered_version", "已送达版本"),
)
BATCH_COLUMNS = (
    ("batch_no", "批次号"),
    ("sequence", "序号"),
    ("kind", "种类"),
    ("state", "状态"),
    ("row_count", "行数"),
    ("accepted", "接收"),
    ("rejected", "拒收"),
    ("attempts", "次数"),
    ("error_code", "错误"),
)
KEY_COLUMNS = (("key_id", "编号"), ("algorithm", "算法"), ("public_key", "公钥"), ("published_at", "公布时间"))


@app.command()
def subscribe(
    dataset: Dataset,
    url: Annotated[str, typer.Argument(help="送达地址；写 - 则从标准输入读，口令不进命令历史。")],
    grant: Annotated[str, typer.Option(help="授权编号。")],
    consumer: Annotated[str, typer.Option(help="使用部门的统一社会信用代码。")],
    option: Annotated[
        list[str] | None, typer.Option(help="送达参数，写作 名称=值，可给多个，如 table=t_person。")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """登记订阅：首批送达全部授权内容，以后只送达变更。数据库地址为库表交换，http(s) 为接口回调，其余为文件推送。

    示例：shuqiao delivery subscribe population - --grant SQ1 --consumer 11620400XX00A0048G < front.url
    """
    with hub() as (opened, actor):
        given = sys.stdin.readline().strip() if url == "-" else url
        facts = dict(_fact(each) for each in option or [])
        new = NewSubscription(dataset, grant, consumer, kind_of(given), given, facts)
        made = subscriptions.subscribe(opened, actor, new)
    _show(made, as_json=as_json)


def _fact(given: str) -> tuple[str, str]:
    name, found, value = given.partition("=")
    if not found:
        raise InputError("送达参数的写法不对", "名称=值", "请改正 --option", code="PLACE_FACTS")
    return name, value


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """列出订阅，不含口令。

    示例：shuqiao delivery list
    """
    with hub() as (opened, actor):
        views = subscriptions.list_subscriptions(opened, actor)
    if as_json:
        print_json(views)
        return
    print_table("订阅", COLUMNS, map(shallow, views), empty="还没有订阅。")


@app.command()
def show(subscription: Subscription, as_json: AsJson = False) -> None:
    """查看一个订阅及其各批次。

    示例：shuqiao delivery show dy0123456789
    """
    with hub() as (opened, actor):
        view = subscriptions.show_subscription(opened, actor, subscription)
    _show(view, as_json=as_json)
    if not as_json:
        print_table("批次", BATCH_COLUMNS, view.batches, empty="还没有批次。")


@app.command()
def run(subscription: Subscription, as_json: AsJson = False) -> None:
    """立即送达：准备批次、送达、核对回执；没有变更则什么也不送。

    示例：shuqiao delivery run dy0123456789
    """
    with hub() as (opened, actor):
        done = work.run(opened, actor, subscription)
    if as_json:
        print_json(done)
        return
    print_facts(
        subscription, [("批次号", done.batch_no), ("状态", done.state), ("行数", done.rows), ("接收", done.accepted)]
    )


@app.command()
def resend(subscription: Subscription, reason: Reason, as_json: AsJson = False) -> None:
    """申请全量重送：下一批次送达全部授权内容。

    示例：shuqiao delivery resend dy0123456789 --reason 前置库重建
    """
    with hub() as (opened, actor):
        view = subscriptions.resend(opened, actor, subscription, reason)
    _show(view, as_json=as_json)


@app.command("keys")
def keys_(as_json: AsJson = False) -> None:
    """列出清单签名的公钥，供使用部门验签。

    示例：shuqiao delivery keys
    """
    with hub() as (opened, actor):
        found = subscriptions.signing_keys(opened, actor)
    if as_json:
        print_json(found)
        return
    print_table("签名公钥", KEY_COLUMNS, found, empty="没有公钥。")


def _show(view: SubscriptionView, *, as_json: bool) -> None:
    if as_json:
        print_json(view)
        return
    facts = shallow(view)
    print_facts(view.id, [(heading, facts[key]) for key, heading in COLUMNS[1:]])
