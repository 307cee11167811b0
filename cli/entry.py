"""`shuqiao entry`: check, apply, list and show directory entries."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.options import AsJson, Files
from cli.output import print_facts, print_json, print_table, say, shallow
from cli.session import errors_as_sentences, exit_code, hub
from exchange import entries
from schemas.errors import ContractError, InputError

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

PROBLEM_COLUMNS = (("line", "行"), ("key", "位置"), ("code", "代码"), ("got", "问题"), ("next_step", "怎么改"))
ENTRY_COLUMNS = (
    ("dataset", "数据集"),
    ("title", "名称"),
    ("state_name", "状态"),
    ("version", "版本"),
    ("provider_name", "提供部门"),
    ("code", "资源代码"),
)
SHOWN = (
    *ENTRY_COLUMNS,
    ("contract_version", "目录条目文件版本"),
    ("published_version", "已发布版本"),
    ("publish_date", "发布日期"),
    ("provider_code", "提供部门代码"),
    ("update_cycle", "更新周期"),
    ("schedule", "计划"),
    ("connection", "连接"),
)
ITEM_COLUMNS = (
    ("name", "列名"),
    ("title", "数据项"),
    ("source", "来源列"),
    ("type", "类型"),
    ("length", "长度"),
    ("required", "必填"),
    ("code_set", "代码集"),
    ("level", "分级"),
)
CHANGE_COLUMNS = (("place", "位置"), ("says", "变更"), ("compatible", "兼容"))


def read_text(path: Path) -> str:
    """Reads a contract file; raises InputError when it cannot be read as UTF-8 text."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError:
        raise _unreadable(path, "读不到文件", "应为可读的文本文件", "FILE_UNREADABLE") from None
    except UnicodeDecodeError:
        raise _unreadable(path, "不是UTF-8文本", "目录条目用UTF-8编码", "FILE_ENCODING") from None


def _unreadable(path: Path, got: str, allowed: str, code: str) -> InputError:
    return InputError(f"{path}：{got}", allowed, "请检查文件后重试", code=code)


@app.command()
def check(files: Files, as_json: AsJson = False) -> None:
    """检查目录条目文件，不改动任何东西。

    示例：shuqiao entry check examples/contracts/population.yaml
    """
    with errors_as_sentences():
        found = {str(path): entries.check(read_text(path), str(path)) for path in files}
    if as_json:
        print_json(found)
    else:
        for name, problems in found.items():
            print_table(name, PROBLEM_COLUMNS, map(shallow, problems), empty=f"{name}：没有问题。")
    if any(getattr(problem, "severity", "error") == "error" for problems in found.values() for problem in problems):
        sys.exit(2)


@app.command()
def apply(
    files: Files,
    publish: Annotated[bool, typer.Option("--publish", help="同时发布（需数据管理员）。")] = False,
    as_json: AsJson = False,
) -> None:
    """登记或更新目录条目；一个文件有误不影响其他文件。

    示例：shuqiao entry apply --publish examples/contracts/*.yaml
    """
    applied, failed = [], 0
    with hub() as (opened, actor):
        for path in files:
            try:
                applied.append(entries.apply(opened, actor, read_text(path), str(path), publish=publish))
            except (ContractError, InputError) as error:
                failed = failed or exit_code(error)
                say(str(error) if str(path) in str(error) else f"{path}：{error}")
    if as_json:
        print_json(applied)
    elif applied:
        print_table("已登记", ENTRY_COLUMNS, map(shallow, applied), empty="没有条目。")
    if failed:
        sys.exit(failed)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """列出目录条目。

    示例：shuqiao entry list --json
    """
    with hub() as (opened, actor):
        views = entries.list_entries(opened, actor)
    if as_json:
        print_json(views)
        return
    print_table("政务数据目录", ENTRY_COLUMNS, map(shallow, views), empty="目录中还没有条目。")


@app.command()
def show(code: Annotated[str, typer.Argument(help="资源代码或数据集名称。")], as_json: AsJson = False) -> None:
    """查看一个目录条目。

    示例：shuqiao entry show population
    """
    with hub() as (opened, actor):
        view = entries.show_entry(opened, actor, code)
    if as_json:
        print_json(view)
        return
    facts = shallow(view)
    print_facts(view.title, [(heading, facts[key]) for key, heading in SHOWN])
    print_table("数据项", ITEM_COLUMNS, view.items, empty="没有数据项。")
    print_table("与上一版的差别", CHANGE_COLUMNS, view.changes, empty="与上一版没有差别。")
