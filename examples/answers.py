"""Compares what an exchange run kept back and flagged with the answer key. Knows rows by their own columns alone."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

#: The item of the shared dataset that carries the row's own number; its source column is in the answers.
ROW_ITEM = {
    "population": "person_no",
    "legal_entity": "entity_no",
    "licence": "record_no",
    "subsidy_payment": "serial_no",
    "marriage": "serial_no",
    "death": "report_no",
}
ROW_COLUMN = {
    "population": "rybh",
    "legal_entity": "主体身份代码",
    "licence": "jlbh",
    "subsidy_payment": "序号",
    "marriage": "ywlsh",
    "death": "bgbh",
}
#: Read in a fixed order, so that the record number finds the row even when its line cannot be read.
BY_RECORD = ("legal_entity", "subsidy_payment")

Answer = Mapping[str, Any]
Codes = set[tuple[str, str]]


class Quarantined(Protocol):
    """One rejected row as `exchange.quarantine.show` gives it."""

    @property
    def row(self) -> int:
        """Record number in the reading."""

    @property
    def values(self) -> Mapping[str, Any]:
        """Values as received, by source column."""

    @property
    def findings(self) -> Iterable[Mapping[str, Any]]:
        """Findings with code, severity and item."""


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """One disagreement: what is wrong, with which row, planted with which kind (empty: a clean row)."""

    what: str
    row: str
    kind: str
    detail: str = ""


def compare(
    answers: Iterable[Answer], quarantined: Iterable[Quarantined], flags: Mapping[str, Collection[str]] | None = None
) -> list[Difference]:
    """Compares one dataset's answers with its rejected rows and, where given, with the flags of its published rows.

    `flags` is row number (as `row_number` gives it) -> `CODE:item` of every published row; rows without flags may be
    left out. An expected finding that is missing, a finding that nothing explains, a clean row that was rejected or
    flagged and a bad one that was not are differences; info findings never are.
    """
    listed = list(answers)
    rejected = list(quarantined)
    dataset = listed[0]["dataset"] if listed else ""
    found: dict[str, list[Codes]] = defaultdict(list)
    for row in rejected:
        found[_place(dataset, row)].append(_codes(row.findings))
    expected = {answer_place(answer): answer for answer in listed}
    wanted = Counter(place for answer in listed for place in _expected_places(answer))
    differences = list(_missing_and_surplus(expected, wanted, found))
    for answer in listed:
        if answer["disposition"] == "quarantine":
            for codes in found.get(answer_place(answer), [])[:1]:
                differences += _explained(answer, codes, answer_place(answer))
    if flags is not None:
        differences += _flag_differences(listed, flags)
    return sorted(differences)


def row_number(dataset: str, items: Mapping[str, Any]) -> str:
    """Gives a published row's own number as text."""
    return str(items[ROW_ITEM[dataset]])


def answer_place(answer: Answer) -> str:
    """Says by what an answer's row is known among the rejected ones: its own number, or its record number in a file."""
    dataset = answer["dataset"]
    return str(answer["record"]) if dataset in BY_RECORD else str(answer["row"][ROW_COLUMN[dataset]])


def _place(dataset: str, row: Quarantined) -> str:
    return str(row.row) if dataset in BY_RECORD else str(row.values.get(ROW_COLUMN[dataset]))


def _expected_places(answer: Answer) -> list[str]:
    """The places that must be in quarantine because of one answer: a conflict takes its partner along."""
    if answer["disposition"] != "quarantine":
        return []
    places = [answer_place(answer)]
    if answer["partner"]:
        places.append(answer_place({**answer, "record": answer["partner"]["record"], "row": answer["partner"]}))
    return places


def _missing_and_surplus(
    expected: Mapping[str, Answer], wanted: Counter[str], found: Mapping[str, list[Codes]]
) -> Iterable[Difference]:
    for place, count in wanted.items():
        if len(found.get(place, [])) < count:
            kind = expected[place]["kind"] if place in expected else "partner of a conflict"
            yield Difference("not rejected", place, kind)
    for place, rows in found.items():
        if len(rows) > wanted[place]:
            kind = expected[place]["kind"] if place in expected else ""
            yield Difference("rejected", place, kind, _written(rows[-1]))


def _explained(answer: Answer, codes: Codes, place: str) -> Iterable[Difference]:
    wanted = {(finding["code"], finding["item"]) for finding in answer["findings"]}
    if missing := {want for want in wanted if not _met(want, codes)}:
        yield Difference("finding missing", place, answer["kind"], _written(missing))
    allowed = set(answer["may"])
    surplus = {code for code in codes - wanted if code[0] not in allowed and not _met_by(code, wanted)}
    if surplus and "*" not in allowed:
        yield Difference("finding unexplained", place, answer["kind"], _written(surplus))


def _met(want: tuple[str, str], codes: Codes) -> bool:
    """A finding of the whole row (no item) is met by its code alone."""
    return want in codes or (not want[1] and any(code == want[0] for code, _ in codes))


def _met_by(code: tuple[str, str], wanted: Codes) -> bool:
    return (code[0], "") in wanted


def _flag_differences(answers: list[Answer], flags: Mapping[str, Collection[str]]) -> Iterable[Difference]:
    planted: dict[str, Answer] = {str(answer["row"][ROW_COLUMN[answer["dataset"]]]): answer for answer in answers}
    for number, answer in planted.items():
        if answer["disposition"] != "flag":
            continue
        wanted = {f"{finding['code']}:{finding['item']}" for finding in answer["findings"]}
        if missing := wanted - set(flags.get(number, ())):
            yield Difference("flag missing", number, answer["kind"], ", ".join(sorted(missing)))
    for number, given in flags.items():
        if given and (number not in planted or planted[number]["disposition"] == "normalised"):
            kind = planted[number]["kind"] if number in planted else ""
            yield Difference("flagged", number, kind, ", ".join(sorted(given)))


def _codes(findings: Iterable[Mapping[str, Any]]) -> Codes:
    return {(finding["code"], finding["item"] or "") for finding in findings if finding["severity"] != "info"}


def _written(codes: Codes) -> str:
    return ", ".join(sorted(f"{code}:{item}" if item else code for code, item in codes))
