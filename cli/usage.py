"""How a wrong command line is told: one sentence in Chinese with the next step. Knows no command but those gone."""

import sys
from enum import Enum
from typing import Any

import typer
from typer.core import TyperGroup

from cli.output import say
from schemas.errors import InputError

#: What the library raises for a wrong command line; it hands out its subclass alone.
UsageError: type[Any] = typer.BadParameter.__mro__[1]
_UNKNOWN = "没有这个命令"
#: Commands that are gone → what was decided, and what to use now.
_GONE = {
    ("dataset", "query"): InputError(
        "没有 dataset query 命令", "数据按授权查询，本机管理员也不例外",
        '请由获得授权的账号使用 shuqiao query run "语句" --login 登录名 --purpose 用途', code="USAGE",
    ),
}  # fmt: skip


class Commands(TyperGroup):
    """The root of the commands: words its errors as the hub's own."""

    def main(self, *arguments: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Runs the command line; a wrong one ends with exit code 2."""
        try:
            code = super().main(*arguments, **extra | {"standalone_mode": False})
        except UsageError as error:
            wrong = error
        else:
            if standalone_mode:
                sys.exit(code if isinstance(code, int) else 0)
            return code
        if type(wrong).__name__ == "NoArgsIsHelpError":
            sys.stdout.write(wrong.ctx.get_help() + "\n")
        else:
            say(str(sentence(wrong)))
        raise SystemExit(2)


def sentence(error: Any) -> InputError:
    """Says what is wrong with a command line; a typed value is not repeated, it may be personal."""
    path = error.ctx.command_path if error.ctx else "shuqiao"
    if _got(error) == _UNKNOWN:
        for (noun, verb), says in _GONE.items():
            if error.ctx and error.ctx.info_name == noun and f"'{verb}'" in error.message:
                return says
    return InputError(
        _got(error), _allowed(getattr(error, "param", None)), f"请用 {path} --help 查看写法和示例", code="USAGE"
    )


def _got(error: Any) -> str:
    kind = type(error).__name__
    name = _name(getattr(error, "param", None))
    if kind == "NoSuchOption":
        likely = "、".join(error.possibilities or ())
        return f"没有选项 {error.option_name}" + (f"，是否要写 {likely}" if likely else "")
    if kind == "MissingParameter":
        return f"缺少{name}"
    if kind == "BadParameter":
        return f"{name} 的值不可用"
    if "unexpected extra argument" in error.message:
        return "参数多了"
    return _UNKNOWN if "No such command" in error.message else "命令的写法不对"


def _allowed(parameter: Any) -> str:
    described = getattr(parameter, "type_descriptor", None)
    kind = getattr(described, "annotation", None)
    if not (isinstance(kind, type) and issubclass(kind, Enum)):
        return ""
    return f"可用：{'、'.join(str(choice.value) for choice in kind)}"


def _name(parameter: Any) -> str:
    if parameter is None:
        return "参数"
    if parameter.param_type_name == "option":
        return f"选项 {max(parameter.opts, key=len)}"
    return f"参数 {parameter.name.rstrip('_').upper()}"
