"""The code sets: every file loads, has its source, and folds what people write."""

import re

import pytest

from schemas.codes import code_set, code_set_ids
from schemas.errors import NotFound

EXPECTED = {
    "gb_t_2261_1": 4,
    "gb_t_2261_2": 8,
    "gb_t_3304": 58,
    "gb_t_20091": 26,
    "enterprise_status": 7,
    "gb_t_12402": 10,
    "gb_t_4754": 20,
    "licence_status": 8,
    "trust_level": 4,
    "person_status": 5,
    "update_cycle": 8,
    "share_type": 3,
    "resource_format": 7,
    "holder_code_type": 23,
}

ABOLISHED = {
    "110103": 2009,
    "110104": 2009,
    "310103": 2010,
    "310119": 2008,
    "320502": 2011,
    "330103": 2020,
    "330104": 2020,
    "110221": 1998,
    "512901": 1992,
    "422421": 1993,
    "510211": 1996,
}


@pytest.mark.parametrize("set_id", code_set_ids())
def test_every_set_is_complete_and_says_where_it_is_from(set_id):
    """Title, source and edition are there; codes are unique, stripped and named; each code and name means itself."""
    codes = code_set(set_id)
    assert codes.title and codes.source and codes.edition
    assert len(codes.codes) == len(codes.rows) == EXPECTED.get(set_id, len(codes.rows)) > 0
    for code, name in codes.codes.items():
        assert code == code.strip() and name == name.strip() and code and name
        assert codes.contains(code) and codes.normalise(code) == code
        assert codes.normalise(name) in {code, None} or set_id.startswith("gbt2260")


def test_the_sets_of_the_standard_are_there():
    """No set of the list is missing."""
    others = {"gb_t_4658", "gb_t_12406", "gb_t_2659", "gb_t_4761", "gbt2260_any", "gbt2260_current"}
    assert set(code_set_ids()) == set(EXPECTED) | others


def test_an_unknown_set_names_near_ones():
    """A mistyped set is refused with what is near."""
    with pytest.raises(NotFound) as caught:
        code_set("gb_t_2261")
    assert "gb_t_2261_1" in caught.value.allowed
    with pytest.raises(NotFound):
        code_set("../secret")


@pytest.mark.parametrize(
    ("set_id", "written", "code"),
    [
        ("gb_t_2261_1", "男", "1"),
        ("gb_t_2261_1", " 女性 ", "2"),
        ("gb_t_2261_1", "１", "1"),
        ("gb_t_2261_1", 2, "2"),
        ("gb_t_3304", "汉", "01"),
        ("gb_t_3304", "汉族", "01"),
        ("gb_t_3304", "1", "01"),
        ("gb_t_3304", 8, "08"),
        ("gb_t_3304", "ha", "01"),
        ("gb_t_3304", "土", "30"),
        ("gb_t_3304", "土家", "15"),
        ("gb_t_4658", "大专", "30"),
        ("gb_t_2261_2", "离异", "40"),
        ("gb_t_12406", "人民币", "CNY"),
        ("gb_t_12406", "156", "CNY"),
        ("gb_t_12406", "usd", "USD"),
        ("gb_t_12406", "港币", "HKD"),
        ("gb_t_12406", 36, "AUD"),
        ("gb_t_2659", "中国", "CHN"),
        ("gb_t_2659", "840", "USA"),
        ("gb_t_2659", 4, "AFG"),
        ("enterprise_status", "存续（在营、开业、在册）", "1"),
        ("enterprise_status", "吊销,未注销", "2"),
        ("gb_t_4754", "制造", "C"),
        ("holder_code_type", "居民身份证", "111"),
        ("holder_code_type", 1, "001"),
        ("gb_t_4761", "妻子", "12"),
        ("gbt2260_current", "白银市", "620400"),
        ("gb_t_2261_1", "3", None),
        ("gb_t_2261_1", "男女", None),
        ("gb_t_3304", "99", None),
        ("gb_t_3304", "", None),
        ("gb_t_3304", None, None),
        ("gb_t_3304", True, None),
        ("gb_t_3304", 1.0, None),
        ("gb_t_3304", -1, None),
        ("gb_t_3304", 10**40, None),
        ("gb_t_3304", "汉" * 10_000, None),
        ("gbt2260_any", "朝阳区", None),
    ],
)
def test_what_people_write_is_folded(set_id, written, code):
    """Names, short names, unpadded and full-width numbers give the code; what is ambiguous or unknown gives None."""
    assert code_set(set_id).normalise(written) == code


def test_sets_are_shared_and_cannot_be_changed():
    """A set is read once and is immutable."""
    sexes = code_set("gb_t_2261_1")
    assert sexes is code_set("gb_t_2261_1")
    with pytest.raises(TypeError):
        sexes.codes["3"] = "x"
    assert not sexes.contains(1)
    assert not sexes.contains("01")


def test_division_codes_hold_the_history():
    """Abolished codes stay with their years and successors; the current set has only what is in force."""
    every, current = code_set("gbt2260_any"), code_set("gbt2260_current")
    assert len(every.codes) >= 7_000
    assert 3_200 <= len(current.codes) <= 3_600
    rows = {row["code"]: row for row in every.rows}
    for code, last in ABOLISHED.items():
        assert rows[code]["last"] == str(last)
        assert not current.contains(code)
    assert rows["110103"]["successors"] == "110101"
    assert rows["510211"]["successors"] == "500105"
    for code in ("620402", "130434", "110101", "500105", "330113", "659012", "710000", "810000", "820000"):
        assert current.contains(code), code


def test_division_rows_are_consistent():
    """Codes have six digits, levels follow the code, years are in order, successors exist."""
    every = code_set("gbt2260_any")
    provinces = {row["code"][:2] for row in every.rows if row["level"] == "province"}
    for row in every.rows:
        code = row["code"]
        assert re.fullmatch(r"[1-8]\d{5}", code)
        level = "province" if code.endswith("0000") else "prefecture" if code.endswith("00") else "county"
        assert row["level"] == level
        assert code[:2] in provinces
        assert not row["first"] or 1981 <= int(row["first"]) <= 2023
        assert not row["last"] or int(row["first"] or 1980) <= int(row["last"]) <= 2023
        assert all(successor in every.codes for successor in row["successors"].split("|") if successor)


def test_numeric_country_codes_are_unique():
    """Every country has one three-digit number."""
    numbers = [row["numeric"] for row in code_set("gb_t_2659").rows]
    assert len(set(numbers)) == len(numbers)
    assert all(re.fullmatch(r"\d{3}", number) for number in numbers)
    assert {"156", "344", "446", "158", "840", "392"} <= set(numbers)
