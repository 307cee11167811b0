"""The findings: complete, in step with the documentation, and said in one sentence."""

import re
from pathlib import Path

import pytest

from schemas.findings import codes, finding, sentence, table

ROOT = Path(__file__).resolve().parents[2]
DIMENSIONS = ("规范性", "完整性", "准确性", "一致性", "时效性", "可访问性")


@pytest.mark.parametrize("code", codes())
def test_a_finding_is_complete(code):
    """Each finding has severity, dimension, a sentence, and a next step where something is to be done."""
    kind = finding(code)
    assert re.fullmatch("[A-Z0-9_]+", code)
    assert kind.severity in ("error", "warning", "info")
    assert kind.dimension in DIMENSIONS
    assert kind.says
    assert not kind.says.endswith("。")
    assert kind.next or kind.severity == "info"


def test_every_finding_is_documented_as_it_is():
    """docs/findings.md ends with the table of all findings, in step with the data."""
    text = (ROOT / "docs" / "findings.md").read_text("utf-8")
    assert text.endswith(table()), "write schemas.findings.table() to the end of docs/findings.md"
    assert table().count("\n") == len(codes()) + 2


def test_a_sentence_names_the_item():
    """The item's title stands in the sentence, with the next step after it."""
    assert sentence("ID_CHECK", "配偶公民身份号码") == "配偶公民身份号码校验码不符；请提供部门核对原始证件号码"
    assert sentence("ID_REGION_ABOLISHED", "公民身份号码") == "公民身份号码前六位是已撤销的行政区划"


def test_an_unknown_finding_is_a_key_error():
    """A code that does not exist is the caller's mistake."""
    with pytest.raises(KeyError):
        finding("NO_SUCH")
