"""Every command has help with an example that is its own, and `--json` where it lists or shows."""

import shlex
from collections.abc import Iterator

import pytest
import typer
from typer.testing import CliRunner

from cli.main import app

#: Commands that print no data: they change something and say so, or stop.
SILENT = {"interface allow", "connection set", "query download", "query fetch", "query cancel"}


def commands() -> Iterator[tuple[str, object]]:
    """Walks the application: full name, command."""
    root = typer.main.get_command(app)
    for noun, group in root.commands.items():
        if not hasattr(group, "commands"):
            yield noun, group
            continue
        for verb, command in group.commands.items():
            yield f"{noun} {verb}", command


ALL = dict(commands())


def test_the_commands_are_those_of_the_issue():
    """No command is missing."""
    assert set(ALL) == {
        "entry check", "entry apply", "entry list", "entry show", "connection set", "connection list",
        "connection test", "sync run", "sync list", "sync show", "sync release", "sync discard", "sync revalidate",
        "quarantine show", "dataset list", "dataset show", "dataset versions", "dataset rollback", "dataset lookup",
        "doctor", "audit verify", "audit seal", "audit anchor", "audit status", "audit export",
        "audit archive", "audit protect",
        "delivery subscribe", "delivery list", "delivery show", "delivery run", "delivery resend", "delivery keys",
        "keys status", "keys rotate", "keys reencrypt", "keys retire",
        "interface list", "interface allow", "interface test-due",
        "query tables", "query run", "query download", "query fetch", "query history", "query cancel", "query exports",
    }  # fmt: skip


@pytest.mark.parametrize("name", ALL)
def test_help_ends_with_an_example_of_the_command(name):
    """The help says in Chinese what the command does and shows one example, which its own parser understands."""
    command = ALL[name]
    said, found, example = command.help.partition("示例：")
    assert found and any("\u4e00" <= character <= "\u9fff" for character in said)
    words = shlex.split(example.strip().split(" > ")[0].split(" < ")[0].split("\n")[0])
    assert words[0] == "shuqiao" and " ".join(words[1:]).startswith(name)
    arguments = words[1 + len(name.split()) :]
    command.make_context(name, arguments)
    shown = CliRunner().invoke(app, [*name.split(), "--help"])
    assert shown.exit_code == 0 and "示例：" in shown.stdout


@pytest.mark.parametrize("name", sorted(ALL.keys() - SILENT))
def test_json_where_something_is_shown(name):
    """Whatever lists or shows can print JSON."""
    assert "--json" in {option for parameter in ALL[name].params for option in parameter.opts}


@pytest.mark.parametrize("name", ALL)
def test_every_parameter_is_explained(name):
    """Each argument and option has a help text in Chinese."""
    for parameter in ALL[name].params:
        text = parameter.help or ""
        assert any("\u4e00" <= character <= "\u9fff" for character in text), (name, parameter.name)


@pytest.mark.parametrize(("line", "words"), [
    ("nosuch", "没有这个命令"), ("sync nosuch", "没有这个命令"), ("sync run", "缺少参数 DATASET"),
    ("sync run a b", "参数多了"), ("sync run a --jsno", "是否要写 --json"),
    ("sync run a --mode x", "可用：snapshot、watermark、change_flag"), ("sync list --limit 0", "--limit 的值不可用"),
    ("dataset rollback a --to 1", "缺少选项 --reason"),
    ("quarantine show x --format exe", "可用：table、csv、json"),
])  # fmt: skip
def test_a_wrong_command_line_is_told_in_chinese(line, words):
    """Exit code 2, one sentence, what is allowed and where the help is; what was typed is not repeated."""
    done = CliRunner().invoke(app, line.split())
    assert done.exit_code == 2 and done.stdout == ""
    assert done.stderr.startswith("[USAGE] ") and words in done.stderr and "--help" in done.stderr
    assert done.stderr.count("\n") == 1 and "Error" not in done.stderr


@pytest.mark.parametrize("line", ["", "sync", "dataset"])
def test_a_noun_alone_shows_the_help(line):
    """Without a verb the help lists the verbs."""
    done = CliRunner().invoke(app, line.split())
    assert done.exit_code == 2 and "Commands:" in done.stdout and done.stderr == ""
