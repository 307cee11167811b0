"""Names, free text, telephones, codes, identifiers; null tokens; damage."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quality.normalise import Context, ItemPlan, normalise
from quality.normalise.damage import damaged
from schemas import identifiers
from schemas.codes import code_set
from schemas.rules import null_tokens
from tests.quality.landing import DATA_DATE


def read(values, kind, type_="C", column=None, context=None, **facts):
    """Normalises texts, or a column, as one item."""
    facts.setdefault("null_tokens", null_tokens(kind))
    plan = ItemPlan("t", "t", "文", type_, kind, **facts)
    array = pa.array(values, pa.string()) if column is None else column
    return normalise(array, plan, context or Context(DATA_DATE))


def test_names_lose_only_outer_blanks_and_invisible_marks():
    """Full-width letters, inner blanks, · and rare characters of a name stay as they were written."""
    given_, kept = ["　张三 ", "买买提·艾力", "\u200b李四\ufeff", "Ａ公司（集团）", "王  五", "㛃𠅤", "O’Brien\t"], None
    kept = ["张三", "买买提·艾力", "李四", "Ａ公司（集团）", "王  五", "㛃𠅤", "O’Brien"]
    found = read(given_, "name")
    assert found.values.to_pylist() == kept
    assert not found.marks


def test_a_zero_byte_is_dropped_and_said():
    """U+0000 cannot be stored: it goes, and the row carries TEXT_CONTROL."""
    found = read(["王\x00五", "张三"], "text")
    assert found.values.to_pylist() == ["王五", "张三"]
    assert found.marks["TEXT_CONTROL"].tolist() == [True, False]


def test_null_tokens_are_those_of_the_kind_or_of_the_item():
    """无 is nothing for a name, an answer in free text; an item's own tokens replace the default."""
    assert read(["无", "N/A", "\\N", "不详"], "name").values.null_count == 4
    assert read(["无"], "text").values.to_pylist() == ["无"]
    assert read(["无", "待查"], "text", null_tokens=("待查",)).values.to_pylist() == ["无", None]
    assert read(["n/a", "Null"], "text").values.null_count == 2


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        (pa.array([1, None]), ["1", None]),
        (pa.array([1.0, 2.5]), ["1", "2.5"]),
        (pa.array(["a", "b"]).dictionary_encode(), ["a", "b"]),
        (pa.array(["a"], pa.large_string()), ["a"]),
        (pa.array(["甲".encode(), b"\xff"]), ["甲", "\ufffd"]),
        (pa.array([True, False]), ["true", "false"]),
        (pa.array([[1, 2]]), ["[1, 2]"]),
        (pa.nulls(2), [None, None]),
    ],
)
def test_columns_of_any_type_become_text(column, texts):
    """Whatever type the source has, a text item reads it as a person would write it."""
    assert read(None, "text", column=column).values.to_pylist() == texts


def test_chunked_and_sliced_columns_are_read():
    """A slice of a column and a chunked column are normalised like any other."""
    sliced = pa.array(["x", " 张三 ", None, "李四", "y"]).slice(1, 3)
    assert read(None, "name", column=sliced).values.to_pylist() == ["张三", None, "李四"]
    assert read(None, "name", column=pa.chunked_array([["甲 "], ["乙"]])).values.to_pylist() == ["甲", "乙"]
    dates = pa.array(["x", "2020-6-18", "20200618", "2020-06-18"]).slice(1)
    assert read(None, "date", "D", column=dates).values.null_count == 0


@pytest.mark.parametrize(
    ("kind", "given_", "number"),
    [
        ("mobile", "+86 138-1234-5678", "13812345678"),
        ("mobile", "１３８１２３４５６７８", "13812345678"),
        ("mobile", "008613812345678", "13812345678"),
        ("mobile", "8613812345678", "13812345678"),
        ("mobile", "12345", "12345"),
        ("telephone", "(0943)8221234", "0943-8221234"),
        ("telephone", "0943—8221234", "0943-8221234"),
        ("telephone", "+86-943-8221234", "0943-8221234"),
        ("telephone", "0943-8221234转12", "0943-8221234-12"),
        ("telephone", "400-800-1234", "400-800-1234"),
        ("telephone", "12345", "12345"),
        ("telephone", "无", None),
    ],
)
def test_telephone_numbers_lose_what_only_dialling_needs(kind, given_, number):
    """Country code, brackets, blanks and hyphens of a mobile number go; what is no number stays for its rule."""
    assert read([given_], kind).values.to_pylist() == [number]


def test_codes_accept_names_and_lost_zeros():
    """男, 汉族, 汉, 1 for 01 and full width become the code; what is none stays for its rule."""
    sets = Context(DATA_DATE, {name: code_set(name) for name in ("gb_t_2261_1", "gb_t_3304")})
    assert read(
        ["男", "２", "女性", "1", "x", "无"], "code", code_set="gb_t_2261_1", context=sets
    ).values.to_pylist() == [
        "1",
        "2",
        "2",
        "1",
        "x",
        None,
    ]
    assert read(["汉族", "汉", "1", "01", "回"], "code", code_set="gb_t_3304", context=sets).values.to_pylist() == [
        "01",
        "01",
        "01",
        "01",
        "03",
    ]
    assert read(["ＡＢ1"], "code").values.to_pylist() == ["AB1"]


@pytest.mark.parametrize(
    "text",
    [
        "张\ufffd三",
        "锟斤拷",
        "烫烫烫烫",
        "寮犱笁",
        "å¼\xa0ä¸\x89",
        "å¼ ä¸‰",
        "ÕÅÈý",
        "\ue000某",
        "娴嬭瘯鏁版嵁",
        "ä¹°ä¹°æÂ·è‰¾",
        "寮犱笁涓",
        "屯屯屯屯",
        "锘垮",
        "\U000f0000",
    ],
)
def test_broken_text_is_found(text):
    """Replacement and private-use characters and typical wrong decodings are TEXT_MOJIBAKE."""
    assert damaged(pa.array([text]))[0].tolist() == [True]


@pytest.mark.parametrize(
    "text",
    [
        "买买提·艾力",
        "古丽巴哈尔·买买提",
        "㛃䶮𬭎",
        "韦锟",
        "王烫",
        "淇县",
        "涓滴公司",
        "渑池县",
        "（一）许可项目：销售；服务。",
        "André·Müller",
        "Café “大堂”",
        "××公司",
        "温度±5℃",
        "Ⅱ类医疗器械※",
        "砖、瓦※",
        "联通",
        "É·X",
        "一——二…",
        "重庆锘崎",
        "Łódź",
        "１２３ＡＢＣ",
        "한글",
        "АБВ",
        "鑫淼焱垚",
        "斤斤计较",
        "屯溪区屯光镇",
        "麻辣烫",
        "A\tB\nC",
    ],
)
def test_sound_text_is_left_alone(text):
    """Rare Han characters, minority names, full-width punctuation and foreign letters are no damage."""
    broken, control = damaged(pa.array([text]))
    assert not broken.any()
    assert not control.any()


def test_control_characters_are_found_apart():
    """A control character is TEXT_CONTROL; tab and line feeds are text."""
    broken, control = damaged(pa.array(["甲\x07", "甲\n乙", None, "丙\x7f"], pa.large_string()))
    assert control.tolist() == [True, False, False, True]
    assert not broken.any()


@given(st.lists(st.text(max_size=12) | st.none(), min_size=1, max_size=8))
@settings(max_examples=120, deadline=None)
def test_normalising_text_twice_changes_nothing_more(cells):
    """Trimming is settled after one pass, and null stays null."""
    cells = [None if cell is None else cell.encode("utf-8", "ignore").decode() for cell in cells]
    once = read(cells, "name").values
    assert read(None, "name", column=once).values.to_pylist() == once.to_pylist()
    assert all(after is None for before, after in zip(cells, once.to_pylist(), strict=True) if before is None)


def test_identifiers_are_cleaned_checked_and_placeholders_null():
    """Citizen IDs and credit codes come out as schemas.identifiers says, with every finding."""
    cells = [" 620402 19900307 9879 ", "620402199030079879", "无", None, "", "620402900307987", "6.20402199003079E+17"]
    found = read(cells, "citizen_id")
    expected = [identifiers.citizen_id(cell or None, DATA_DATE) for cell in cells]
    assert found.values.to_pylist() == [result.normalised for result in expected]
    for row, result in enumerate(expected):
        assert {code for code, mask in found.marks.items() if mask[row]} == set(result.codes())
    assert read(["91620400xx00a0013m"], "uscc").values.to_pylist() == ["91620400XX00A0013M"]


def test_identifiers_are_checked_by_the_type_beside_them():
    """A credit code under 001 is one, under 111 it is not; a fixed type needs no column."""
    both = ["91620400XX00A0013M", "91620400XX00A0013M", "620402199003079879", None]
    types = pa.array(["001", "111", "111", "111"])
    found = read(both, "identifier", doc_type_item="kind", context=Context(DATA_DATE, {}, {"t": types}))
    wrong = [any(mask[row] for mask in found.marks.values()) for row in range(4)]
    assert wrong == [False, True, False, False]
    assert read(["91620400XX00A0013M"], "identifier", doc_type="001").values.to_pylist() == ["91620400XX00A0013M"]


def test_binary_items_keep_their_bytes():
    """An attachment is not text: its bytes pass unread."""
    assert read(None, "binary", "G", column=pa.array([b"\x00\xff", None])).values.to_pylist() == [b"\x00\xff", None]
    assert read(["甲"], "binary", "G").values.to_pylist() == ["甲".encode()]
    assert read(["甲"], "text", "M").values.type == pa.large_string()
