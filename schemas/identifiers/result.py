"""What an identifier check returns. Holds no check itself; severities come from schemas/findings.yaml alone."""

from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal, cast

from schemas.yaml_text import read_yaml

Severity = Literal["error", "warning", "info"]
Sex = Literal["1", "2"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding; `note` never holds any part of the value."""

    code: str
    severity: Severity
    note: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """All that is known about one identifier. `value` and what is derived from it stay out of `repr`.

    `normalised` is the cleaned text (upper case, no blanks, 15 digits upgraded), also of a wrong identifier; it is None
    for null and placeholder values. Only a result with `ok` may be used as a key.
    """

    value: object = field(repr=False)
    normalised: str | None = field(repr=False)
    kind: str
    doc_type: str | None = None  # GB/T 36903; None when the value does not tell
    findings: tuple[Finding, ...] = ()
    birth_date: date | None = field(default=None, repr=False)
    sex: Sex | None = field(default=None, repr=False)  # GB/T 2261.1
    region: str | None = field(default=None, repr=False)  # GB/T 2260 code inside the identifier
    nationality: str | None = field(default=None, repr=False)  # permanent-residence cards: numeric or alpha-3
    upgraded: bool = False  # 15 digits became 18
    suggestion: str | None = field(default=None, repr=False)  # never applied by itself

    @property
    def ok(self) -> bool:
        """Says whether there is a value and nothing is wrong with it."""
        return self.normalised is not None and not any(finding.severity == "error" for finding in self.findings)

    @property
    def changed(self) -> bool:
        """Says whether normalising changed the value as given."""
        return self.normalised is not None and self.normalised != self.value

    def codes(self) -> tuple[str, ...]:
        """Lists the codes of the findings in order."""
        return tuple(finding.code for finding in self.findings)


@cache
def severities() -> dict[str, Severity]:
    """Reads finding code → severity."""
    text = (Path(__file__).parent.parent / "findings.yaml").read_text(encoding="utf-8")
    return {code: cast("Severity", facts["severity"]) for code, facts in read_yaml(text).items()}


@cache
def finding(code: str, note: str = "") -> Finding:
    """Returns the finding `code` with its severity in the list."""
    return Finding(code, severities()[code], note)
