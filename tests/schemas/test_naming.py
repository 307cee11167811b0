"""What a column most likely is: by comment, by a standard's short name, by its ending; unknown ones stay unknown."""

import pytest

from schemas import naming
from schemas.codes import code_set
from schemas.contract.items import KINDS, KINDS_OF_LETTER
from schemas.naming import initials, name_of, suggest, title_of


@pytest.mark.parametrize(
    ("column", "comment", "name", "title"),
    [
        ("XM", "", "name", "姓名"),
        ("xb", "", "sex_code", "性别代码"),
        ("CSRQ", "", "birth_date", "出生日期"),
        ("SFZH", "", "citizen_id", "公民身份号码"),
        ("gmsfhm", "", "citizen_id", "公民身份号码"),
        ("TYSHXYDM", "", "uscc", "统一社会信用代码"),
        ("C_XM", "", "name", "姓名"),
        ("ID_CARD", "", "citizen_id", "公民身份号码"),
        ("zzbfrq", "", "issue_date", "证照颁发日期"),
        ("fddbrxm", "", "legal_rep_name", "法定代表人姓名"),
        ("col7", "姓名，必填", "name", "姓名"),
        ("f_xb", "性别（1男 2女）", "sex_code", "性别代码"),
        ("a1", "身份证号", "citizen_id", "公民身份号码"),
        ("bz2", "补助标准：元", "bz2", "补助标准"),
        ("企业名称", "", "entity_name", "机构名称"),
        ("updated_at", "", "updated_at", "更新时间"),
        ("sqrsfz", "申请人身份证号", "sqrsfz", "申请人公民身份号码"),
        ("jhrdh", "监护人的联系电话", "jhrdh", "监护人联系电话"),
    ],
)
def test_known_columns(column, comment, name, title):
    """Comment first, then standard and short name; the official term goes before what people type."""
    found = suggest(column, comment)
    assert (found.name, found.title) == (name, title)


@pytest.mark.parametrize("column", ["bz1", "xyz", "f1", "zd_02", "x"])
def test_unknown_columns_have_no_title(column):
    """Nothing is guessed into the directory."""
    found = suggest(column)
    assert found.title == "" and found.by == "nothing"


def test_whose_a_number_is_becomes_its_role():
    """A person named before 公民身份号码 is the role of the subject key."""
    found = suggest("sqrsfz", "申请人身份证号码")
    assert (found.term.kind, found.term.level, found.term.role) == ("citizen_id", 4, "申请人")


def test_an_ending_says_the_kind_only():
    """FWRQ is a date, of what nobody knows."""
    found = suggest("FWRQ")
    assert (found.title, found.by, found.term.letter) == ("", "ending", "D")


def test_names_fit_the_contract():
    """A name is the column's own where it fits, else pinyin."""
    assert name_of("BZ-1", "") == "bz_1"
    assert name_of("备注", "备注") == "bei_zhu"
    assert name_of("1abc", "") == "item_1abc"
    assert initials("统一社会信用代码") == "TYSHXYDM"
    assert title_of("PRIMARY KEY") == "" and title_of("  姓名 ") == "姓名"


def test_the_book_fits_kinds_and_code_sets():
    """Each known item names a kind, letter and code set that contracts know; names and titles are held once."""
    terms = set(naming._book().titles.values())
    assert len(terms) > 80
    assert len({term.name for term in terms}) == len({term.title for term in terms}) == len(terms)
    for term in terms:
        assert term.kind in KINDS and 1 <= term.level <= 4, term.name
        assert term.kind in KINDS_OF_LETTER[term.letter or "C"], term.name
        assert (term.kind in {"code", "region"}) == bool(term.code_set), term.name
        assert term.code_set is None or code_set(term.code_set).codes
        assert term.kind != "name" or term.identifying or term.level == 1, term.name
