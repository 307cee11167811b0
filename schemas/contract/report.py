"""Problems of a contract and the report that collects them with their lines. Knows nothing of what a contract means."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rapidfuzz import fuzz, process

Path = tuple[str | int, ...]

#: Below this likeness a suggestion would be a guess.
_LIKENESS = 70
_SHOWN = 40
_LISTED = 24


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a contract. Lines and columns count from 1; `key` is the dotted place in the document."""

    line: int
    column: int
    key: str
    code: str
    got: str
    allowed: str = ""
    next_step: str = ""
    severity: Literal["error", "warning"] = "error"

    @property
    def says(self) -> str:
        """Says the whole problem in one Chinese sentence."""
        parts = [self.got, self.allowed, self.next_step]
        return f"第{self.line}行 {self.key}：" + "；".join(part for part in parts if part) + "。"


class Report:
    """Collects problems; of several errors at one place only the first is kept."""

    def __init__(self, positions: Mapping[Path, tuple[int, int]] | None = None, document: Any = None) -> None:
        self._positions = positions or {(): (1, 1)}
        self._document = document
        self._problems: list[Problem] = []
        self._seen: set[Path] = set()

    def add(self, at: Path, code: str, got: str, allowed: str = "", next_step: str = "") -> None:
        """Adds an error at `at`."""
        if at not in self._seen:
            self._seen.add(at)
            self._append(at, code, (got, allowed, next_step), "error")

    def warn(self, at: Path, code: str, got: str, allowed: str = "", next_step: str = "") -> None:
        """Adds a warning at `at`."""
        self._append(at, code, (got, allowed, next_step), "warning")

    def add_at_line(self, line: int, column: int, code: str, got: str, next_step: str) -> None:
        """Adds an error of the text itself, before it has a structure."""
        self._problems.append(Problem(line, column, "", code, got, "", next_step))

    def marked(self, at: Path) -> bool:
        """Says whether `at` already has an error."""
        return at in self._seen

    def places(self, at: Path) -> bool:
        """Says whether the text has something at `at`."""
        return at in self._positions

    @property
    def broken(self) -> bool:
        """Says whether any error was added."""
        return any(problem.severity == "error" for problem in self._problems)

    @property
    def problems(self) -> list[Problem]:
        """Lists the problems in the order of the text."""
        return sorted(self._problems, key=lambda problem: (problem.line, problem.column, problem.key))

    def _append(self, at: Path, code: str, words: tuple[str, str, str], severity: Literal["error", "warning"]) -> None:
        line, column = self._position(at)
        self._problems.append(Problem(line, column, self._key(at), code, *words, severity))

    def _position(self, at: Path) -> tuple[int, int]:
        while at not in self._positions and at:
            at = at[:-1]
        return self._positions.get(at, (1, 1))

    def _key(self, at: Path) -> str:
        words: list[str] = []
        node = self._document
        for step in at:
            node = _child(node, step)
            words.append(step if isinstance(step, str) else _element_name(node, step))
        return ".".join(words)


def _child(node: Any, step: str | int) -> Any:
    if isinstance(node, Mapping):
        return node.get(step)
    if isinstance(node, list) and isinstance(step, int) and step < len(node):
        return node[step]
    return None


def _element_name(node: Any, index: int) -> str:
    if isinstance(node, Mapping):
        for key in ("name", "property", "server", "id"):
            if isinstance(node.get(key), str):
                return shown(node[key])
    return f"[{index}]"


def shown(value: object) -> str:
    """Shortens a value of the contract for a message."""
    text = str(value).replace("\n", " ")
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def listed(values: Collection[str]) -> str:
    """Writes allowed values as one Chinese list, cut when it is long."""
    names = [str(value) for value in values]
    return "、".join(names[:_LISTED]) + ("…" if len(names) > _LISTED else "")


def likely(value: str, allowed: Collection[str]) -> str | None:
    """Finds the allowed word that was probably meant; None when nothing is near."""
    found = process.extractOne(value.casefold(), {word: word.casefold() for word in allowed}, scorer=fuzz.ratio)
    return found[2] if found and found[1] >= _LIKENESS else None


def suggestion(value: str, allowed: Collection[str], otherwise: str) -> str:
    """Writes the next step for a word that is not allowed."""
    meant = likely(value, allowed)
    return f"是否要写“{meant}”？请改正" if meant else otherwise
