"""The findings (问题代码) of findings.yaml: severity, dimension and words. The only place that reads that file."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from schemas.entry import Severity
from schemas.yaml_text import read_yaml


@dataclass(frozen=True, slots=True)
class FindingKind:
    """One kind of finding. `says` and `next` are Chinese; `{item}` in `says` stands for the item's title."""

    code: str
    severity: Severity
    dimension: str
    says: str
    next: str


@cache
def _kinds() -> Mapping[str, FindingKind]:
    raw = read_yaml(resources.files("schemas").joinpath("findings.yaml").read_text("utf-8"))
    return {code: FindingKind(code, **facts) for code, facts in raw.items()}


def codes() -> tuple[str, ...]:
    """Lists every code in the order of the file."""
    return tuple(_kinds())


def finding(code: str) -> FindingKind:
    """Returns the kind of `code`; raises KeyError when there is none."""
    return _kinds()[code]


def table() -> str:
    """Writes all findings as a Markdown table, for docs/findings.md."""
    rows = ["| code | severity | dimension (GB/T 36344) | says | next step |", "| --- | --- | --- | --- | --- |"]
    rows += [
        f"| `{kind.code}` | {kind.severity} | {kind.dimension} | {kind.says} | {kind.next} |"
        for kind in _kinds().values()
    ]
    return "\n".join(rows) + "\n"


def sentence(code: str, title: str) -> str:
    """Says the finding of the item called `title`, with what to do next."""
    kind = finding(code)
    said = kind.says.replace("{item}", title)
    return f"{said}；{kind.next}" if kind.next else said
