"""The directory entry's file format: an ODCS 3.1 data contract in YAML → schemas.entry.Entry. Reads text, not files."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.contract.document import parse
from schemas.contract.dump import dump
from schemas.contract.reading import read_entry
from schemas.contract.report import Problem, Report
from schemas.contract.structure import check_structure
from schemas.entry import Entry
from schemas.errors import ContractError

__all__ = ["Contract", "Problem", "dump", "load", "problems"]

_SHOWN = 20


@dataclass(frozen=True)
class Contract:
    """A valid contract: what it says as an Entry, the plain document, and the text it came from."""

    entry: Entry
    document: Mapping[str, Any]
    text: str


def load(text: str, name: str) -> Contract:
    """Reads a contract; raises ContractError listing every problem with its line. `name` is for messages only."""
    report, entry, document = _read(text)
    if entry is None:
        raise _error(name, [problem for problem in report.problems if problem.severity == "error"])
    return Contract(entry, document, text)


def problems(text: str, name: str) -> list[Problem]:
    """Lists everything wrong or doubtful in a contract, in the order of its lines; never raises for a bad text."""
    report, _, _ = _read(text)
    return report.problems


def _read(text: str) -> tuple[Report, Entry | None, dict[str, Any]]:
    early = Report()
    parsed = parse(text, early)
    if parsed is None:
        return early, None, {}
    report = Report(parsed.positions, parsed.data)
    for problem in early.problems:
        report.add_at_line(problem.line, problem.column, problem.code, problem.got, problem.next_step)
    if not isinstance(parsed.data, dict):
        report.add((), "CONTRACT_TYPE", "文件内容不是键值对", "ODCS 3.1数据契约", "请按模板书写")
        return report, None, {}
    check_structure(report, parsed.data)
    entry = read_entry(report, parsed.data)
    return report, entry, parsed.data


def _error(name: str, found: list[Problem]) -> ContractError:
    if len(found) == 1:
        problem = found[0]
        got = f"{name}第{problem.line}行 {problem.key}：{problem.got}"
        return ContractError(got, problem.allowed, problem.next_step, code=problem.code)
    lines = [problem.says for problem in found[:_SHOWN]]
    more = f"（另有{len(found) - _SHOWN}处未列出）" if len(found) > _SHOWN else ""
    return ContractError(f"{name}有{len(found)}处问题{more}：\n" + "\n".join(lines), "", "请逐处改正后再试")
