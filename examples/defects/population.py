"""What goes wrong in the population table."""

from collections.abc import Callable, Mapping
from random import Random

from examples.datasets import population
from examples.defects.identifiers import IdColumn, id_defects, id_dirt
from examples.defects.values import (
    bad_code,
    bad_date,
    bad_mobile,
    bad_region,
    damaged,
    kind,
    missing,
    put,
    repeats,
    tidy_code,
    tidy_date,
    tidy_mobile,
    tidy_text,
    too_long,
)
from examples.tables import Expected, Kind, Row, Table

PERSON = IdColumn("gmsfhm", "citizen_id", "csrq", "birth_date", "xb", "sex_code", "{}{}{}")
_DEATH = ("death_flag", "death_date", "person_status", "birth_date", "*dates")


def _alive(row: Row) -> bool:
    return row["ryzt"] == "1" and row["swbz"] == "0"


def _dead(row: Row) -> bool:
    return row["swbz"] == "1"


def _death_before_birth(row: Row, draw: Random, before: Row) -> None:
    row.update(swbz="1", ryzt="2", swrq=f"{int(str(row['csrq'])[:4]) - draw.randint(1, 9)}0115")


def _dead_without_date(row: Row, draw: Random, before: Row) -> None:
    row.update(swbz="1", ryzt="2", swrq=None)


def _alive_with_death_date(row: Row, draw: Random, before: Row) -> None:
    row.update(swbz="0", ryzt="1", swrq="20260105")


def _died_in_future(row: Row, draw: Random, before: Row) -> None:
    row.update(swbz="1", ryzt="2", swrq="20350101")


def _married_child(row: Row, draw: Random, before: Row) -> None:
    row["hyzk"] = draw.choice(["20", "21", "22", "23"])


def _child(row: Row) -> bool:
    return PERSON.is_citizen(row) and str(row["csrq"]) >= "20120101" and _alive(row)


def _deaths() -> list[Kind]:
    touched = frozenset(_DEATH)
    return [
        Kind(
            "death_before_birth",
            _death_before_birth,
            (Expected("DATE_ORDER", "birth_date"),),
            touched,
            fits=PERSON.is_citizen,
        ),
        Kind("death_without_date", _dead_without_date, (Expected("COND_MISSING", "death_date"),), touched),
        Kind(
            "death_date_unexpected",
            _alive_with_death_date,
            (Expected("COND_UNEXPECTED", "death_date"),),
            touched,
            may=("DATE_ORDER",),
            fits=_alive,
        ),
        Kind("death_in_future", _died_in_future, (Expected("DATE_FUTURE", "death_date"),), touched),
        kind(
            "death_flag_unknown",
            put("swbz", "死", "X", "二"),
            "BOOL_FORMAT",
            "death_flag",
            also=_DEATH,
            may=("ITEM_MISSING", "COND_UNEXPECTED", "COND_MISSING"),
            fits=_alive,
        ),
    ]


def _in_words(words: Mapping[str, tuple[str, ...]], column: str) -> Callable[[Row, Random, Row], None]:
    def change(row: Row, draw: Random, before: Row) -> None:
        row[column] = draw.choice(words[str(row[column])])

    return change


_SEX_WORDS = {"1": ("男", "男性"), "2": ("女", "女性")}
_ETHNICITY_WORDS = {"01": ("汉", "汉族"), "03": ("回族", "回"), "04": ("藏族",), "05": ("维吾尔族",)}


def _named_ethnicity(row: Row) -> bool:
    return row["mz"] in _ETHNICITY_WORDS


DEFECTS: tuple[Kind, ...] = (
    *id_defects(PERSON),
    *_deaths(),
    Kind(
        "married_child",
        _married_child,
        (Expected("AGE_TOO_YOUNG", "marital_code"),),
        frozenset({"citizen_id", "marital_code", "birth_date"}),
        "flag",
        fits=_child,
    ),
    *missing("xm", "name"),
    *damaged("xm", "name"),
    too_long("xm", "name", 50),
    *damaged("hjdz", "hukou_address", control=False),
    too_long("hjdz", "hukou_address", 200),
    bad_code("xb", "sex_code", "3", "男性别", "Z", may=("ID_SEX_MISMATCH",)),
    *missing("xb", "sex_code")[:2],
    bad_code("mz", "ethnicity_code", "57", "88", "00"),
    *missing("mz", "ethnicity_code")[2:],
    bad_code("zjlx", "doc_type", "110", "999999", may=("ITEM_TOO_LONG", "IDENTIFIER_TYPE")),
    bad_code("hyzk", "marital_code", "11", "99", may=("AGE_TOO_YOUNG",)),
    bad_code("whcd", "education_code", "50", "75"),
    bad_code("ryzt", "person_status", "7", "在册", may=("COND_UNEXPECTED", "COND_MISSING", "ITEM_TOO_LONG")),
    bad_region("csdxzqh", "birth_place_code", "629999", "000000", "163001"),
    bad_region("hjdxzqh", "hukou_region_code", "629901", "999999", "620499"),
    *bad_date("csrq", "birth_date", also=("citizen_id", "*dates")),
    *missing("csrq", "birth_date")[2:],
    *bad_mobile("sjhm", "mobile"),
    *repeats("gmsfhm", "xm", "同号人"),
)
DEFECTS += tuple(repeats("gmsfhm", "xm", "旧名", older="gxsj")[3:])

DIRT: tuple[Kind, ...] = (
    *id_dirt(PERSON),
    *tidy_text("xm", "name"),
    *tidy_date("csrq", "birth_date"),
    tidy_code("xb", "sex_code"),
    tidy_code("mz", "ethnicity_code"),
    tidy_mobile("sjhm", "mobile"),
    Kind(
        "sex_in_words",
        _in_words(_SEX_WORDS, "xb"),
        (),
        frozenset({"sex_code"}),
        "normalised",
        tidied={"sex_code": "xb"},
    ),
    Kind(
        "ethnicity_in_words",
        _in_words(_ETHNICITY_WORDS, "mz"),
        (),
        frozenset({"ethnicity_code"}),
        "normalised",
        fits=_named_ethnicity,
        tidied={"ethnicity_code": "mz"},
    ),
    Kind(
        "death_flag_no", put("swbz", "否", "N", "false", "０"), (), frozenset({"death_flag"}), "normalised", fits=_alive
    ),
    Kind(
        "death_flag_yes", put("swbz", "是", "Y", "TRUE", "１"), (), frozenset({"death_flag"}), "normalised", fits=_dead
    ),
    Kind("optional_null_token", put("cym", "无", "N/A", "NULL", ""), (), frozenset({"former_name"}), "normalised"),
)

TABLE = Table(
    "population",
    "人口基础信息",
    "rk_jbxx",
    population.COLUMNS,
    population.make,
    DEFECTS,
    DIRT,
    ("rybh",),
    update=population.update,
)
