"""Public security's population table `rk_jbxx`, one row a person."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from examples import places
from examples.draws import Draws, Ints, days, joined, moments, numbers, strings, where
from examples.people import TODAY, People
from examples.tables import Column, Frame

COLUMNS = (
    Column("rybh", "人员编号", "varchar(20)"),
    Column("gmsfhm", "公民身份号码", "varchar(40)"),
    Column("zjlx", "证件类型代码", "varchar(10)"),
    Column("xm", "姓名", "varchar(200)"),
    Column("xmpy", "姓名拼音", "varchar(200)"),
    Column("cym", "曾用名", "varchar(200)"),
    Column("xb", "性别代码", "varchar(10)"),
    Column("mz", "民族代码", "varchar(10)"),
    Column("csrq", "出生日期", "varchar(20)"),
    Column("csdxzqh", "出生地行政区划代码", "varchar(12)"),
    Column("jgxzqh", "籍贯行政区划代码", "varchar(12)"),
    Column("hjdxzqh", "户籍地行政区划代码", "varchar(12)"),
    Column("hjdz", "户籍地址", "varchar(500)"),
    Column("hh", "户号", "varchar(40)"),
    Column("hyzk", "婚姻状况代码", "varchar(10)"),
    Column("whcd", "文化程度代码", "varchar(10)"),
    Column("sjhm", "手机号码", "varchar(40)"),
    Column("swbz", "死亡标识", "varchar(10)"),
    Column("swrq", "死亡日期", "varchar(20)"),
    Column("ryzt", "人员状态", "varchar(10)"),
    Column("gxsj", "更新时间", "timestamp"),
    Column("lrr", "录入人（部门内部，不共享）", "varchar(20)"),
)


def make(frame: Frame, index: Ints) -> dict[str, pa.Array]:
    """Makes the clean rows with the given numbers."""
    draws, people = frame.draws("population"), People(frame.seed, index)
    region_codes = strings([str(code) for code in places.OTHER_REGIONS[:70] + tuple(places.DISTRICTS)])
    old_codes = strings([str(code) for code in places.ABOLISHED_REGIONS])
    born_in = where(
        draws.chance("old", index, 0.02),
        draws.pick("oldcode", index, old_codes),
        draws.pick("born", index, region_codes),
    )
    surname, given = strings(list(places.PINYIN)), strings(list(places.GIVEN_PINYIN))
    former = where(draws.chance("former", index, 0.03), joined(people.name, "一"), None)
    return {
        "rybh": joined("RY", numbers(index + 1, 10)),
        "gmsfhm": people.number,
        "zjlx": people.doc_type,
        "xm": people.name,
        "xmpy": joined(draws.pick("py", index, surname), " ", draws.pick("gpy", index, given)),
        "cym": former,
        "xb": people.sex,
        "mz": people.ethnicity,
        "csrq": days(people.birth, "%Y%m%d"),
        "csdxzqh": born_in,
        "jgxzqh": draws.pick("native", index, region_codes),
        "hjdxzqh": pc.cast(pa.array(people.district), pa.string()),
        "hjdz": people.address,
        "hh": numbers(620400000000 + index // 3, 12),
        "hyzk": _marital(draws, people),
        "whcd": _education(draws, people),
        "sjhm": where(draws.chance("phone", index, 0.7) & (people.age >= 12), people.mobile, None),
        "swbz": where(people.dead, "1", "0"),
        "swrq": where(people.dead, days(people.death, "%Y%m%d"), None),
        "ryzt": _status(draws, people),
        "gxsj": updated(draws, index),
        "lrr": joined("民警", numbers(draws.below("clerk", index, 60) + 1, 2)),
    }


def updated(draws: Draws, index: Ints) -> pa.Array:
    """Times of the last update in the year before TODAY, clear of the reading's own margin."""
    first = np.datetime64("2025-12-01T00:00:00", "s")
    span = int((TODAY.astype("datetime64[s]") - first).astype(int))
    return moments(first + draws.below("updated", index, span).astype("timedelta64[s]"))


def _marital(draws: Draws, people: People) -> pa.Array:
    grown = draws.weighted(
        "hyzk", people.index, {"10": 20, "20": 10, "21": 45, "22": 5, "23": 2, "30": 6, "40": 10, "90": 2}
    )
    return where(people.age < 22, "10", grown)


def _education(draws: Draws, people: People) -> pa.Array:
    weights = {"10": 3, "20": 17, "30": 15, "40": 10, "60": 15, "70": 22, "80": 13, "90": 5}
    grown = draws.weighted("whcd", people.index, weights)
    return where(people.age < 6, None, where(people.age < 13, "80", where(people.age < 18, "70", grown)))


def _status(draws: Draws, people: People) -> pa.Array:
    other = draws.weighted("ryzt", people.index, {"1": 970, "3": 15, "4": 5, "9": 10})
    return where(people.dead, "2", other)


def update(frame: Frame, day: int, index: Ints) -> dict[str, pa.Array]:
    """A later day gives some people another telephone number."""
    draws = frame.draws(f"population/day{day}")
    return {"sjhm": joined("164", numbers(draws.below("phone", index, 10**8), 8))}
