"""What a gate counted: by rule, finding and item. Adds up over batches and processes; JSON-able; holds no value."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FIRST = 20


@dataclass
class RuleCount:
    """The counts of one rule as GX means them; `first` holds the row numbers of the first unexpected rows."""

    rows: int = 0
    missing: int = 0
    unexpected: int = 0
    first: list[int] = field(default_factory=list)

    def __add__(self, other: "RuleCount") -> "RuleCount":
        return RuleCount(
            self.rows + other.rows,
            self.missing + other.missing,
            self.unexpected + other.unexpected,
            sorted({*self.first, *other.first})[:FIRST],
        )


@dataclass
class Counts:
    """The counts of one gate over some batches. `findings`: (code, item) -> rows that have it."""

    rows: int = 0
    bad: int = 0
    unreadable: int = 0
    deletes: int = 0
    rules: dict[str, RuleCount] = field(default_factory=dict)
    findings: Counter[tuple[str, str]] = field(default_factory=Counter)
    nulls: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: "Counts") -> "Counts":
        names = dict.fromkeys((*self.rules, *other.rules))
        empty = RuleCount()
        return Counts(
            self.rows + other.rows,
            self.bad + other.bad,
            self.unreadable + other.unreadable,
            self.deletes + other.deletes,
            {name: self.rules.get(name, empty) + other.rules.get(name, empty) for name in names},
            self.findings + other.findings,
            self.nulls + other.nulls,
        )

    @property
    def codes(self) -> dict[str, int]:
        """Counts findings by code alone."""
        total: Counter[str] = Counter()
        for (code, _), rows in self.findings.items():
            total[code] += rows
        return dict(total)

    def as_json(self) -> dict[str, Any]:
        """Writes the counts as plain JSON data."""
        return {
            "rows": self.rows,
            "bad": self.bad,
            "unreadable": self.unreadable,
            "deletes": self.deletes,
            "rules": {name: vars(count) for name, count in self.rules.items()},
            "findings": [[code, item, rows] for (code, item), rows in self.findings.items()],
            "nulls": dict(self.nulls),
        }

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> "Counts":
        """Reads the counts back."""
        return cls(
            facts["rows"],
            facts["bad"],
            facts["unreadable"],
            facts["deletes"],
            {name: RuleCount(**count) for name, count in facts["rules"].items()},
            Counter({(code, item): rows for code, item, rows in facts["findings"]}),
            Counter(facts["nulls"]),
        )
