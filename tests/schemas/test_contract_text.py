"""The text of a contract: YAML that no contract needs is refused, and no text makes the reader fail."""

import copy
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import contract
from schemas.contract.document import DEEPEST, LARGEST_BYTES, parse
from schemas.contract.report import Report, likely
from schemas.errors import ContractError

CONTRACTS = Path(__file__).resolve().parents[1] / "contracts"
MINIMAL = (CONTRACTS / "minimal.yaml").read_text("utf-8")
FULL = (CONTRACTS / "full.yaml").read_text("utf-8")


def first_error(text):
    """Gives the first error of a text."""
    return next(each for each in contract.problems(text, "t") if each.severity == "error")


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("id: a\nid: b\n", 2, "重复"),
        ("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n", 5, "重复"),
        ("a: &x [1]\nb: *x\n", 1, "锚点"),
        ("a: !!python/object/apply:os.system ['true']\n", 1, "标签"),
        ("a: !secret x\n", 1, "标签"),
        ("a: 1\n---\nb: 2\n", 2, "多个YAML文档"),
        ("a: [1, 2\nb: 3\n", 2, "不是有效的YAML"),
        ("a:\n\t- 1\n", 2, "不是有效的YAML"),
        ("a: 'x\n", 2, "不是有效的YAML"),
        ("? [a]\n: 1\n", 1, "键不是文字"),
        ("a: " + "[" * (DEEPEST + 5), 1, "嵌套"),
        ("- a\n- b\n", 1, "不是键值对"),
        ("甲\n", 1, "不是键值对"),
        ("", 1, "不是键值对"),
        ("a: \x00\n", 1, "控制字符"),
        ("甲: 1\n乙: 张\x07\n", 2, "控制字符"),
    ],
)
def test_yaml_that_no_contract_needs_is_refused(text, line, word):
    """Duplicate keys, aliases, tags, several documents, deep nesting and broken text are refused at their line."""
    found = contract.problems(text, "t")
    assert line in [each.line for each in found if word in each.got]
    with pytest.raises(ContractError):
        contract.load(text, "t")


def test_a_large_text_is_refused_before_it_is_parsed():
    """A text above the limit is refused at once."""
    problem = first_error("a: " + "x" * LARGEST_BYTES)
    assert "1 MB" in problem.got


def test_a_bomb_of_aliases_is_refused_at_once():
    """Aliases that would expand to billions of elements are refused at the first anchor."""
    text = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
    )
    assert "锚点" in first_error(text).got


def test_deep_nesting_ends_quickly():
    """A million brackets neither exhaust the stack nor the time."""
    assert first_error("[" * 900_000).code == "CONTRACT_YAML"


def test_codes_and_times_stay_text():
    """Scalars follow YAML 1.2: leading zeros, times and yes/no stay text."""
    data = parse(
        "a: 001\nb: 22:00\nc: yes\nd: 12\ne: 1.5\nf: true\ng: ~\nh: '1'\ni: 1e999\nj: 2026-01-01\n", Report()
    ).data
    assert data == {
        "a": "001", "b": "22:00", "c": "yes", "d": 12, "e": 1.5, "f": True, "g": None, "h": "1", "i": "1e999",
        "j": "2026-01-01",
    }  # fmt: skip


def test_a_byte_order_mark_does_no_harm():
    """A contract saved by a Windows editor is read."""
    assert contract.load("\ufeff" + MINIMAL.replace("\n", "\r\n"), "t").entry.dataset == "population"


def test_a_suggestion_is_made_only_when_near():
    """A far word gets no guess."""
    assert likely("codeset", ["codeSet", "kind"]) == "codeSet"
    assert likely("zzz", ["codeSet", "kind"]) is None
    assert likely("", ["codeSet"]) is None


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18) + 1, 10**18 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


def _places(node, at=()):
    yield at
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _places(value, (*at, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _places(value, (*at, index))


def _put(node, at, value):
    for step in at[:-1]:
        node = node[step]
    node[at[-1]] = value


DOCUMENTS = [dict(contract.load(text, "t").document) for text in (MINIMAL, FULL)]
PLACES = [[at for at in _places(whole) if at] for whole in DOCUMENTS]


@settings(max_examples=40, deadline=None)
@given(which=st.integers(0, 1), seed=st.integers(0, 10_000), junk=JUNK)
def test_no_value_at_any_place_makes_the_reader_fail(which, seed, junk):
    """Anything put at any place of a contract gives an entry or problems with lines, never another exception."""
    whole = copy.deepcopy(DOCUMENTS[which])
    _put(whole, random.Random(seed).choice(PLACES[which]), junk)
    text = contract.dump(whole)
    found = contract.problems(text, "t")
    lines = text.count("\n") + 1
    assert all(1 <= each.line <= lines and each.got for each in found)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_no_text_makes_the_reader_fail(text):
    """Any text gives problems, never another exception."""
    assert contract.problems(text, "t")


@settings(max_examples=50, deadline=None)
@given(st.integers(0, len(FULL) - 1), st.characters(), st.booleans())
def test_no_changed_character_makes_the_reader_fail(index, char, insert):
    """A contract with one character changed or added is read or refused."""
    text = FULL[:index] + char + FULL[index if insert else index + 1 :]
    contract.problems(text, "t")


@settings(max_examples=80, deadline=None)
@given(JUNK.filter(lambda value: isinstance(value, dict)))
def test_dump_and_parse_are_inverse(value):
    """What is dumped is parsed back to the same values."""
    report = Report()
    parsed = parse(contract.dump(value), report)
    assert parsed is not None
    assert parsed.data == _plain(value)


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
