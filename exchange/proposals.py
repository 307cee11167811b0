"""From what a source declares and a bounded sample to proposed items: type, kind, code set, level, key. Pure.

Keeps no sampled value. What is proposed is shown to a person, who decides.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from exchange.contents import MOST, Contents, contents_of, fitting_set
from schemas.codes import code_set
from schemas.contract.items import FIXED_LENGTH, KINDS_OF_LETTER, LANDING, RESERVED
from schemas.naming import Suggestion, Term, initials, steers, suggest
from schemas.source import SourceColumn, TableFacts

_TRUTHS = frozenset({"0", "1", "是", "否", "Y", "N", "T", "F", "true", "false", "True", "False", "有", "无"})
_LENGTHS = (20, 50, 100, 200, 500, 1000)
_FREE_TEXT = 200
#: Content alone names these; everything else needs a comment or a known name.
_BY_CONTENT = {
    "citizen_id": Term("citizen_id", "公民身份号码", "citizen_id", level=4, role="本人"),
    "uscc": Term("uscc", "统一社会信用代码", "uscc", level=1, role="本单位"),
    "mobile": Term("mobile", "手机号码", "mobile", level=3, identifying=True),
}
_BY_TITLE = (
    (("姓名", "联系人", "负责人", "经办人"), Term("", "", "name", level=3, identifying=True)),
    (("地址", "住址", "住所", "坐落"), Term("", "", "address", level=3, identifying=True)),
    (("电话", "联系方式"), Term("", "", "telephone", level=3, identifying=True)),
    (("证件号", "证件号码", "账号", "卡号"), Term("", "", "text", level=4)),
    (("证号", "许可证号", "车牌号", "号牌号码"), Term("", "", "text", level=3, identifying=True)),
)
_ENOUGH = 5
_KEY_KINDS = frozenset({"citizen_id", "uscc", "licence_id"})
_KEY_TITLES = ("编号", "号码", "代码", "标识", "流水号", "序号", "证号")
_WATERMARKS = ("updated_at", "last_update_date")

_LETTERS: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (lambda kind: pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_nested(kind), "G"),
    (pa.types.is_boolean, "L"),
    (pa.types.is_date, "D"),
    (pa.types.is_timestamp, "T"),
    (pa.types.is_integer, "I"),
    (pa.types.is_floating, "B"),
    (pa.types.is_decimal, "N"),
)


@dataclass(frozen=True, slots=True)
class ItemProposal:
    """One column as an item. `use` False leaves it out; `says` tells on what the proposal rests."""

    column: str
    comment: str
    name: str
    title: str
    letter: str
    kind: str
    code_set: str | None = None
    length: int | None = None
    scale: int | None = None
    level: int = 2
    identifying: bool = False
    required: bool = False
    key: bool = False
    role: str | None = None
    open_end: bool = False
    use: bool = True
    says: str = ""

    @property
    def choice(self) -> str:
        """Kind and code set in one word, as the form gives it back."""
        return f"{self.kind}:{self.code_set}" if self.code_set else self.kind


@dataclass(frozen=True, slots=True)
class Reading:
    """How the rows would be read: the mode and what it needs."""

    mode: str
    watermark_column: str | None = None
    operation_column: str | None = None
    time_column: str | None = None
    batch_column: str | None = None
    guid_column: str | None = None


def propose_items(facts: TableFacts, sample: pa.RecordBatch | None) -> tuple[ItemProposal, ...]:
    """Proposes an item for each column, each title and name once, with the row key."""
    found: list[ItemProposal] = []
    contents = {column.name: _contents(sample, column.name) for column in facts.columns}
    for column in facts.columns:
        proposal = _proposed(column, facts.natures.get(column.name, "text"), contents[column.name])
        found.append(_once(proposal, found))
    return _keyed(found, facts.key, contents)


def propose_reading(facts: TableFacts, items: Sequence[ItemProposal], *, file: bool) -> Reading:
    """Proposes the mode: a front-end exchange table, a time of the last change, else the whole table.

    An increment needs a row key, which a person may still choose.
    """
    there = {column.name.upper(): column.name for column in facts.columns}
    if file:
        return Reading("snapshot")
    if {"CD_OPERATION", "CD_TIME", "CD_BATCH", "ROW_GUID"} <= set(there):
        optional = (there.get("CD_BATCH"), there.get("ROW_GUID"))
        return Reading("change_flag", None, there["CD_OPERATION"], there["CD_TIME"], *optional)
    clock = next((item for name in _WATERMARKS for item in items if item.name == name), None)
    comparable = clock is not None and facts.natures.get(clock.column) in {"timestamp", "timestamp with time zone"}
    if clock is not None and comparable and clock.required:
        return Reading("watermark", clock.column)
    return Reading("snapshot")


def _contents(sample: pa.RecordBatch | None, name: str) -> Contents:
    empty = pa.array([], pa.string())
    return contents_of(sample.column(name) if sample is not None and name in sample.schema.names else empty)


def _proposed(column: SourceColumn, nature: str, contents: Contents) -> ItemProposal:
    suggested = suggest(column.name, column.comment)
    if steers(column.name) or column.name in LANDING:
        bare = ItemProposal(column.name, column.comment, suggested.name, "", "C", "text", use=False)
        return replace(bare, says="控制列，不作数据项")
    letter = _letter(column, nature, contents)
    term, title, says = _term(suggested, contents)
    kind, letter, code_set, doubt = _kind(term, letter, contents)
    length, scale = _size(column, letter, kind, contents)
    return ItemProposal(
        column=column.name,
        comment=column.comment,
        name=term.name if term and term.name and title == term.title else suggested.name,
        title=title,
        letter=letter,
        kind=kind,
        code_set=code_set,
        length=length,
        scale=scale,
        level=term.level if term else 2,
        identifying=bool(term and term.identifying),
        required=not column.nullable or (contents.always_filled and contents.filled >= 20),
        role=term.role if term and kind in {"citizen_id", "uscc"} else None,
        open_end=bool(term and term.open_end and letter in "DT"),
        use=bool(title) and letter != "G",
        says="；".join(part for part in (says, doubt) if part),
    )


def _term(suggested: Suggestion, contents: Contents) -> tuple[Term | None, str, str]:
    """Returns what the column is, its title, and why: comment or standard first, then content."""
    by_content = _BY_CONTENT.get(contents.looks)
    if suggested.term is not None and suggested.term.title and suggested.term.title == suggested.title:
        says = "依注释" if suggested.by == "comment" else "依标准短名"
        return suggested.term, suggested.title, says
    if suggested.title:
        by_title = next((t for words, t in _BY_TITLE if suggested.title.endswith(words)), None)
        if by_content is not None:
            return (
                replace(
                    by_content, name="", title="", role="相关人员" if by_content.role == "本人" else by_content.role
                ),
                suggested.title,
                "依注释和取值",
            )
        return by_title or suggested.term, suggested.title, "依注释"
    if by_content is not None:
        return by_content, by_content.title, f"依取值：多为有效的{by_content.title}"
    return suggested.term, "", "不认识，请写数据项名称，否则不采用"


def _letter(column: SourceColumn, nature: str, contents: Contents) -> str:
    """Returns the national type letter that the column's own type, or its text, stands for."""
    by_nature = {"date": "D", "timestamp": "T", "timestamp with time zone": "T"}
    own = next((letter for test, letter in _LETTERS if test(column.type)), by_nature.get(nature))
    if own is not None:
        return own
    return "N" if nature == "number" else {"date": "D", "datetime": "T"}.get(contents.looks, "C")


def _kind(term: Term | None, letter: str, contents: Contents) -> tuple[str, str, str | None, str]:
    """Returns kind, letter, code set and a doubt; the column's own type and the values go before the name."""
    plain = (KINDS_OF_LETTER[letter][0], letter, None, "")
    if term is None:
        found = fitting_set(contents) if letter in "CI" else None
        kind = "region" if found and found.startswith("gbt2260") else "code"
        return (kind, "C", found, f"取值都在代码集“{code_set(found).title}”中") if found else plain
    if letter == "G" or (letter in "DT" and term.letter not in {"D", "T"}):
        return plain
    if letter in "DT":
        return {"D": "date", "T": "datetime"}[letter], letter, None, ""
    if doubt := _unlike(term, contents):
        return "text", "C", None, doubt
    doubt = ""
    # A register has wrong codes too: they become problem data, and the column stays what its name says.
    if term.kind in {"code", "region"} and term.code_set and contents.filled:
        outside = 1 - contents.share_in(term.code_set)
        doubt = f"抽样有 {max(outside, 0.01):.0%} 的取值不在代码集中，将计入问题数据" if outside else ""
    if term.kind in _BY_CONTENT and contents.filled >= _ENOUGH and contents.looks != term.kind:
        doubt = f"抽样中有效的{term.title}不足八成，试加载时请留意"
    return term.kind if term.kind != "identifier" else "text", term.letter or "C", term.code_set, doubt


def _unlike(term: Term, contents: Contents) -> str:
    """Says why the values cannot be what the name promises; they are then taken as text."""
    if term.kind in {"code", "region"} and term.code_set and contents.filled:
        held = contents.share_in(term.code_set)
        if held < MOST:
            return f"取值只有 {held:.0%} 在代码集“{code_set(term.code_set).title}”中，按文字处理"
    if term.kind == "bool" and not {value for value in contents.values if value} <= _TRUTHS:
        return "取值不全是“是/否”，按文字处理"
    if term.kind in {"integer", "amount"} and contents.looks:
        return "取值不像数，按文字处理"
    return ""


def _size(column: SourceColumn, letter: str, kind: str, contents: Contents) -> tuple[int | None, int | None]:
    if letter == "C":
        if kind in FIXED_LENGTH:
            return FIXED_LENGTH[kind], None
        # A column that declares no length may hold longer texts than the sample shows, unless they are codes.
        seen = max(2 * contents.longest, 0 if kind in {"code", "region"} else _FREE_TEXT)
        fitting = next((each for each in _LENGTHS if each >= seen), seen)
        return (column.length if column.length and column.length <= 1_000_000 else fitting), None
    if letter in "NY":
        if pa.types.is_decimal(column.type):
            return column.type.precision, max(column.type.scale, 0)
        return (20, 6) if kind == "capital" else (20, max(contents.decimals, 2))
    return None, None


def _once(proposal: ItemProposal, before: Sequence[ItemProposal]) -> ItemProposal:
    """Keeps names and titles apart; a second column of the same meaning waits for a title of its own."""
    taken, titles = {each.name for each in before}, {each.title for each in before if each.use}
    name = f"{proposal.name}_item" if proposal.name in RESERVED else proposal.name
    number = 2
    while name in taken:
        name = f"{proposal.name[:56]}_{number}"
        number += 1
    if proposal.use and proposal.title in titles:
        own = f"{proposal.title}（{proposal.column}）" if proposal.says.startswith("依注释") else ""
        return replace(proposal, name=name, title=own[:64], use=bool(own), says="与前面的数据项同名，请改写名称")
    return replace(proposal, name=name)


def _keyed(
    found: Sequence[ItemProposal], key: Sequence[str], contents: Mapping[str, Contents]
) -> tuple[ItemProposal, ...]:
    """Marks the row key: the declared one; else an identifier, then any column, that is unique in the sample."""
    by_column = {each.column: each for each in found}
    if key and all(by_column[name].use for name in key if name in by_column):
        chosen = set(key)
    else:
        chosen = _likely_key(found, contents) or set(key)
    named = {name for name in chosen if name in by_column and not by_column[name].title}
    return tuple(
        replace(
            each,
            key=each.column in chosen,
            required=each.required or each.column in chosen,
            title="记录编号" if each.column in named and len(named) == 1 else each.title,
            use=each.use or (each.column in named and len(named) == 1),
            says="来源表的主键" if each.column in named else each.says,
        )
        for each in found
    )


def _likely_key(found: Sequence[ItemProposal], contents: Mapping[str, Contents]) -> set[str]:
    """Finds the identifier or number that is unique in the sample; a name that happens to be so is no key."""
    used = [each for each in found if each.use]
    # A front-end exchange table holds a key as often as it changed, an empty one holds none: the subject is the key.
    if any(steers(each.column) for each in found) or not any(each.filled for each in contents.values()):
        return {each.column for each in [each for each in used if each.role in {"本人", "本单位"}][:1]}
    likely = [each for each in used if each.kind in _KEY_KINDS or each.title.endswith(_KEY_TITLES)]
    unique = [each for each in likely if contents[each.column].unique and contents[each.column].filled > 1]
    return {each.column for each in sorted(unique, key=lambda each: each.kind not in _KEY_KINDS)[:1]}


def suggest_mapping(items: Sequence[tuple[str, str, str]], columns: Sequence[SourceColumn]) -> dict[str, str]:
    """Maps items (name, title, source of the contract) to columns: by source, comment, short name, in this order."""
    there = {column.name.casefold(): column.name for column in columns}
    by_name: dict[str, str] = {}
    by_title: dict[str, str] = {}
    for column in columns:
        suggested = suggest(column.name, column.comment)
        by_name.setdefault(suggested.name, column.name)
        if suggested.title:
            by_title.setdefault(suggested.title, column.name)
    mapping = {}
    for name, title, source in items:
        options = (
            there.get(source.casefold()),
            by_title.get(title),
            by_name.get(name),
            there.get(name),
            there.get(title.casefold()),
        )
        found = next((column for column in options if column), None) or there.get(initials(title).casefold())
        if found:
            mapping[name] = found
    return mapping
