"""Hypothesis strategies of fictional identifiers: valid ones, damaged ones and junk."""

from datetime import date

from hypothesis import strategies as st

from schemas.codes import code_set
from schemas.identifiers import citizen, credit, licence, registration

TODAY = date(2026, 11, 22)
COUNTIES = [row["code"] for row in code_set("gbt2260_any").rows if row["level"] == "county"]
LETTERS = "ABCDEFGHJKLMNPQRTUWXY"

digits = st.sampled_from("0123456789")


def digit_text(length):
    """Texts of `length` digits."""
    return st.text(digits, min_size=length, max_size=length)


@st.composite
def citizens(draw):
    """Valid citizen IDs."""
    birth = draw(st.dates(date(1900, 1, 1), TODAY))
    body = draw(st.sampled_from(COUNTIES)) + birth.strftime("%Y%m%d") + draw(digit_text(3))
    return body + citizen.check_character(body)


@st.composite
def permits(draw):
    """Valid residence-permit and 2023 permanent-residence numbers."""
    birth = draw(st.dates(date(1930, 1, 1), TODAY))
    prefix = draw(st.sampled_from(["810000", "820000", "830000", "911392", "962840"]))
    body = prefix + birth.strftime("%Y%m%d") + draw(digit_text(3))
    return body + citizen.check_character(body)


@st.composite
def usccs(draw):
    """Valid unified social credit codes of every category."""
    first = draw(st.sampled_from(sorted(credit.CATEGORIES)))
    second = draw(st.sampled_from(credit.CATEGORIES[first]))
    body = draw(st.text(st.sampled_from("0123456789" + LETTERS), min_size=8, max_size=8))
    org = credit.org_check_character(body)
    first_17 = first + second + draw(st.sampled_from(COUNTIES)) + body + org
    return first_17 + credit.check_character(first_17)


@st.composite
def org_codes(draw):
    """Valid organisation codes."""
    body = draw(st.text(st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"), min_size=8, max_size=8))
    return body + credit.org_check_character(body)


@st.composite
def registration_numbers(draw):
    """Valid registration numbers."""
    body = draw(st.sampled_from(COUNTIES)) + draw(digit_text(8))
    return body + registration.check_digit(body)


@st.composite
def licence_ids(draw):
    """Valid licence identifiers; the issuer may be an old region code."""
    kind = draw(usccs()) + draw(digit_text(3))
    issuer = draw(usccs() | st.sampled_from(COUNTIES))
    serial = draw(st.text(st.sampled_from(licence.A36), min_size=1, max_size=32))
    version = draw(st.sampled_from(["001", "002", "117"]))
    check = licence.check_character(kind + issuer + serial + version)
    return f"{licence.ROOT}{kind}.{issuer}.{serial}.{version}.{check}"


@st.composite
def damaged(draw, values):
    """Values with one to three characters replaced, removed, inserted or rewritten."""
    text = draw(values)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, max(len(text) - 1, 0)))
        character = draw(st.sampled_from("0123456789AXIOSZ*-. 'xх０Ｘ\u3000\u200b年é"))
        kind = draw(st.sampled_from(["replace", "remove", "insert", "lower", "wide"]))
        if kind == "replace":
            text = text[:place] + character + text[place + 1 :]
        elif kind == "remove":
            text = text[:place] + text[place + 1 :]
        elif kind == "insert":
            text = text[:place] + character + text[place:]
        elif kind == "lower":
            text = text.lower()
        else:
            text = "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in text)
    return text


PLACEHOLDERS = [
    "",
    " ",
    "无",
    "不详",
    "0",
    "N/A",
    "null",
    "\\N",
    "-",
    "111111111111111111",
    "000000000000000",
    "999999999",
]
DAMAGE = ["6.2E+17", "620402199003079000", "110101900307000", "620402********9879", "'620402199003079879"]
ODD = ["100()", "企合苏总字第0001号", "USA620481020315", "XXA990481020310", "US1620481020315", "900000199001010000"]

junk = st.sampled_from([*PLACEHOLDERS, *DAMAGE, *ODD]) | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def mixed(values):
    """Valid, damaged and junk values, and null."""
    return st.one_of(values, damaged(values), junk, st.none())


def columns(values):
    """Lists long enough to reach the second, trimming pass."""
    return st.lists(mixed(values), max_size=12).flatmap(lambda some: st.sampled_from([1, 30]).map(lambda n: some * n))
