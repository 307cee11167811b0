"""`shuqiao audit`: seal, anchor, verify, export, archive the audit log; reading it is the auditors', on the portal."""

import io
import sys
import threading
import zipfile
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from cli.options import AsJson
from cli.output import print_facts, print_json, print_table, say, shallow
from cli.session import hub
from exchange.auditing import anchors, archiving, export, sealing, verification
from schemas.errors import InputError

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

FAULTS = (("kind", "种类"), ("seq", "记录"), ("number", "链接"), ("says", "说明"))
Output = Annotated[Path, typer.Option("-o", "--output", help="写入的文件夹，须不存在。")]


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError("日期的写法不对", "年-月-日，如 2026-01-31", "请改正后重试", code="DATE") from None


@app.command()
def verify(as_json: AsJson = False) -> None:
    """核验操作日志：指出被改动、删除、移位或截去的记录；有任何不符时退出码为1。

    示例：shuqiao audit verify
    """
    with hub() as (opened, actor):
        found = verification.verify(opened, actor)
    if as_json:
        print_json(found)
    else:
        _say_found(found)
    if not found.holds:
        sys.exit(1)


def _say_found(found: verification.Verified) -> None:
    rows = [shallow(fault) | {"kind": verification.KIND_NAMES[fault.kind]} for fault in found.faults]
    print_facts("操作日志核验" + ("通过" if found.holds else "不通过"), [
        ("核验的记录", found.events),
        ("封存批次", found.batches),
        ("锚点", found.anchors),
        ("已归档的记录", found.archived),
        ("尚未封存的记录", found.unsealed),
        ("最早的未封存记录", found.unsealed_since),
        ("封存后尚无锚点的记录", found.unanchored),
        ("无法核验签名的锚点", found.unchecked_signatures),
        ("数据库权限已分离", found.separated),
    ])  # fmt: skip
    if rows:
        print_table("不符之处", FAULTS, rows, empty="")


@app.command()
def seal(
    watch: Annotated[bool, typer.Option("--watch", help="一直运行：不断封存、检查告警、每日签署锚点。")] = False,
    as_json: AsJson = False,
) -> None:
    """封存已提交的操作日志。

    示例：shuqiao audit seal
    """
    with hub() as (opened, actor):
        if watch:
            sealing.watch(opened, threading.Event())
            return
        made = sealing.seal(opened, actor)
    if as_json:
        print_json(made)
    else:
        say(f"封存 {made.batches} 批 {made.events} 条记录，尚未封存 {made.waiting} 条。")


@app.command()
def anchor(as_json: AsJson = False) -> None:
    """封存后签署锚点，写入数据库和 var/audit/anchors.jsonl；由安全管理员每日运行，并把该文件复制到别处。

    示例：shuqiao audit anchor
    """
    with hub() as (opened, actor):
        made = anchors.make_anchor(opened, actor)
    if as_json:
        print_json(made)
    elif made is None:
        say("还没有封存的记录，没有签署锚点。")
    else:
        say(f"锚点 {made.number}（{made.day}）覆盖到链接 {made.last_number}，密钥 {made.key_id}。")


@app.command()
def status(as_json: AsJson = False) -> None:
    """显示操作日志的封存情况：批次、未封存的记录、最近的锚点、已归档的记录。

    示例：shuqiao audit status
    """
    with hub() as (opened, actor):
        found = sealing.standing(opened, actor)
    if as_json:
        print_json(found)
        return
    print_facts("操作日志", [
        ("封存批次", found.batches),
        ("链接", found.last_number),
        ("最近封存", found.sealed_at),
        ("尚未封存的记录", found.unsealed),
        ("最近的锚点", found.anchor.day if found.anchor else "无"),
        ("已归档的记录", found.archived),
        ("数据库权限已分离", found.separated),
    ])  # fmt: skip


@app.command("export")
def export_(
    since: Annotated[str, typer.Option("--from", help="开始日期（含），如 2026-01-01。")],
    until: Annotated[str, typer.Option("--to", help="结束日期（含），如 2026-01-31。")],
    output: Output,
    as_json: AsJson = False,
) -> None:
    """导出一段日期的操作日志（整批）及离线核验脚本。

    示例：shuqiao audit export --from 2026-01-01 --to 2026-01-31 -o 一月日志
    """
    with hub() as (opened, actor):
        begin, end = _day(since), _day(until)
        if output.exists():
            raise InputError(f"{output} 已存在", "尚不存在的文件夹", "请换一个 -o", code="OUTPUT_EXISTS")
        made = export.export_range(opened, actor, begin, end)
        _unpack(made.content, output)
    if as_json:
        facts = shallow(made)
        del facts["content"]
        print_json(facts)
    else:
        says = "" if made.anchored else "；末尾还没有锚点"
        say(f"已写入 {output}：{made.records} 条记录，清单SM3 {made.manifest_sm3[:16]}…{says}。")


def _unpack(content: bytes, folder: Path) -> None:
    folder.mkdir(mode=0o700)
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        for name in file.namelist():
            (folder / Path(name).name).write_bytes(file.read(name))


@app.command()
def archive(
    before: Annotated[str, typer.Option("--before", help="归档这一天之前的记录；未满183天的不予归档。")],
    as_json: AsJson = False,
) -> None:
    """归档到期的操作日志：先导出并核验，再从数据库移除整批记录；链从归档的末条接续。

    示例：shuqiao audit archive --before 2023-01-01
    """
    with hub() as (opened, actor):
        made = archiving.archive(opened, actor, _day(before))
    if as_json:
        print_json(made)
    else:
        say(f"已归档批次 {made.first_batch}–{made.last_batch} 共 {made.records} 条记录到 {made.folder}。")


@app.command()
def protect(
    as_url: Annotated[str, typer.Option("--as", help="数据库管理员的连接地址，只用一次，不保存。")],
    as_json: AsJson = False,
) -> None:
    """把操作日志的表交给专用数据库角色：平台自己的角色只能读和追加。

    示例：shuqiao audit protect --as postgresql://dba@localhost/hub
    """
    with hub() as (opened, actor):
        done = sealing.protect(opened, actor, as_url)
    if as_json:
        print_json({"separated": done})
    else:
        say("数据库权限已分离。" if done else "平台的数据库角色是超级用户，权限未能分离；请为平台另建角色。")
