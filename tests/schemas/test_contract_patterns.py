"""Regular expressions of contracts: what means the same to every engine is taken, the rest refused with the reason."""

import re

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.contract.patterns import LONGEST, refusal


@pytest.mark.parametrize(
    "pattern",
    [
        r"\A[0-9]{6}\z",
        r"\A[0-9A-HJ-NPQRTUWXY]{18}\z",
        r"\A1[3-9][0-9]{9}\z",
        r"\A(?:甲|乙)\z",
        r"\A(甲|乙)[一-龥]+\z",
        r"\A[^<>|]{1,256}\z",
        r"\A\.\*\\\z",
        r"\A[\^$]\z",
        r"\A(?P<year>[0-9]{4})年\z",
    ],
)
def test_a_pattern_of_one_meaning_is_taken(pattern):
    r"""ASCII classes, groups and Chinese ranges between \A and \z are allowed."""
    assert refusal(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "word"),
    [
        (r"^[0-9]{6}$", r"\A"),
        (r"[0-9]{6}", r"\A"),
        (r"\A[0-9]{6}", r"\z"),
        (r"\A[0-9]{6}\Z", r"\z"),
        (r"\A^[0-9]$\z", "^和$"),
        (r"\A\d{6}\z", "[0-9]"),
        (r"\A[\d]{6}\z", "[0-9]"),
        (r"\A\w+\z", r"\w"),
        (r"\A\s*\z", r"\s"),
        (r"\A\bx\z", r"\b"),
        (r"\A(?=x)x\z", "环视"),
        (r"\A(?!x)y\z", "环视"),
        (r"\A(?<=x)y\z", "环视"),
        (r"\A(?<!x)y\z", "环视"),
        (r"\A(a)\1\z", "反向引用"),
        (r"\A(?P<a>x)(?P=a)\z", "反向引用"),
        (r"\A\p{Han}+\z", r"\p"),
        (r"\A[[:alpha:]]\z", "字符范围"),
        (r"\A(?i)a\z", "内嵌标志"),
        (r"\A(?i:a)\z", "内嵌标志"),
        (r"\Aa|b\z", "括号"),
        (r"\A(a|b)|c\z", "括号"),
        (r"\Aa{,3}\z", "{0,n}"),
        (r"\Aa\zb\z", "首尾"),
        (r"\A\Qa.b\E\z", "首尾"),
        (r"\A[\z", "RE2"),
        (r"\A(\z", "RE2"),
        (r"\Aa{1,2000}\z", "RE2"),
        (r"\Aa++\z", "RE2"),
        (r"\A" + "a" * LONGEST + r"\z", "超过"),
    ],
)
def test_a_pattern_of_two_meanings_is_refused_with_the_reason(pattern, word):
    r"""Anchors other than \A and \z, open classes, look-arounds, references and flags are refused, each by name."""
    reason = refusal(pattern)
    assert reason is not None
    assert word in reason


ALPHABET = st.text(st.sampled_from(list("ab019-^$.|()[]{}*+?\\,:甲zAdP<>=!")), max_size=12)


@settings(max_examples=400, deadline=None)
@given(ALPHABET, st.lists(st.text(st.sampled_from(list("ab019甲-|^$.\n１")), max_size=6), max_size=6))
def test_an_allowed_pattern_means_the_same_to_both_engines(body, values):
    """Whatever is allowed gives the same answers in RE2 and in Python."""
    pattern = rf"\A{body}\z"
    if refusal(pattern) is not None:
        return
    python = re.compile(pattern[:-2] + r"\Z")
    expected = [bool(python.search(value)) for value in values]
    assert pc.match_substring_regex(pa.array(values, pa.string()), pattern).to_pylist() == expected
