"""Market regulation's register of companies and individual businesses: a CSV export with Chinese headers."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from examples import places
from examples.departments import MARKET
from examples.draws import Days, Draws, Ints, days, joined, numbers, strings, where
from examples.numbers import Bytes, registration_numbers, texts, usccs
from examples.people import People, adults
from examples.tables import Column, Frame

_HEADERS = (
    "主体身份代码", "统一社会信用代码", "组织机构代码", "机构名称", "机构类型代码", "注册地址",
    "注册地址行政区划代码", "经营范围", "注册资金", "法定代表人姓名", "法定代表人证件类型", "法定代表人证件号码",
    "成立日期", "核准日期", "注销日期", "经营期限自", "经营期限至", "状态",
    "注册号", "登记机关代码", "登记机关名称", "联系电话", "职工人数", "最后更新日期",
)  # fmt: skip
COLUMNS = tuple(Column(name, name) for name in _HEADERS)

#: Kind of business by row: USCC category, organisation type, word at the end of the name.
_KINDS = (
    (91, "11", "有限公司"),
    (91, "11", "股份有限公司"),
    (91, "15", "有限公司分公司"),
    (91, "17", "厂（个人独资）"),
    (92, "19", "经营部"),
    (92, "19", "小吃店"),
    (93, "19", "农民专业合作社"),
)


def codes(frame: Frame, index: Ints) -> Bytes:
    """Makes the unified social credit codes of the entities with the given numbers."""
    draws = frame.draws("legal_entity")
    categories = np.array([kind[0] for kind in _KINDS])[draws.below("kind", index, len(_KINDS))]
    return usccs(categories, _region(draws, index), serials(frame.seed, index))


def serials(seed: int, index: Ints) -> Ints:
    """Spreads entity numbers over the bodies `XX…`, one to one."""
    return np.asarray((index * 15_485_863 + seed * 104_729 + 30_000_001) % 31**6)


def names(frame: Frame, index: Ints) -> pa.Array:
    """Makes the names of the entities: district, two or three words, trade, form."""
    draws = frame.draws("legal_entity")
    words = strings(list(places.WORDS))
    third = where(draws.chance("three", index, 0.4), draws.pick("w3", index, words), "")
    form = strings([kind[2] for kind in _KINDS]).take(pa.array(draws.below("kind", index, len(_KINDS))))
    district = strings([places.DISTRICTS[code] for code in _region(draws, index).tolist()])
    parts = (draws.pick("w1", index, words), draws.pick("w2", index, words), third)
    return joined(places.CITY, district, *parts, draws.pick("trade", index, strings(list(places.TRADES))), form)


def established(frame: Frame, index: Ints) -> Days:
    """Gives the days on which the entities were founded."""
    draws = frame.draws("legal_entity")
    return np.asarray(np.datetime64("1995-01-01", "D") + draws.below("founded", index, 11_000).astype("timedelta64[D]"))


def make(frame: Frame, index: Ints) -> dict[str, pa.Array]:
    """Makes the clean rows with the given numbers."""
    draws = frame.draws("legal_entity")
    uscc = codes(frame, index)
    region = _region(draws, index)
    head = People(frame.seed, adults(frame.seed, "legal_rep", index, frame.sizes.population))
    kind = draws.below("kind", index, len(_KINDS))
    founded = established(frame, index)
    passport = draws.chance("passport", index, 0.02)
    passport_number = joined("E", numbers(10_000_000 + index % 89_999_999))
    return {
        "主体身份代码": joined("6204", numbers(index + 1, 12)),
        "统一社会信用代码": texts(uscc),
        "组织机构代码": texts(np.ascontiguousarray(uscc[:, 8:17])),
        "机构名称": names(frame, index),
        "机构类型代码": strings([k[1] for k in _KINDS]).take(pa.array(kind)),
        "注册地址": _address(draws, index, region),
        "注册地址行政区划代码": numbers(region),
        "经营范围": where(
            draws.chance("scope", index, 0.9), draws.pick("scopes", index, strings(list(places.SCOPES))), None
        ),
        "注册资金": _capital(draws, index),
        "法定代表人姓名": head.name,
        "法定代表人证件类型": where(passport, "414", head.doc_type),
        "法定代表人证件号码": where(passport, passport_number, head.number),
        **_dates(draws, index, founded),
        "注册号": where(draws.chance("regno", index, 0.5), texts(registration_numbers(region, index % 10**8)), None),
        "登记机关代码": strings([MARKET.code] * len(index)),
        "登记机关名称": strings([MARKET.name] * len(index)),
        "联系电话": _telephone(draws, index),
        "职工人数": where(draws.chance("staffed", index, 0.8), numbers(draws.below("staff", index, 300)), None),
    }


def _region(draws: Draws, index: Ints) -> Ints:
    district = np.array(list(places.DISTRICTS), dtype=np.int64)
    return np.asarray(district[draws.below("region", index, len(district))])


def _address(draws: Draws, index: Ints, region: Ints) -> pa.Array:
    district = strings([places.DISTRICTS[code] for code in region.tolist()])
    house = pc.cast(pa.array(draws.below("house", index, 600) + 1), pa.string())
    floor = pc.cast(pa.array(draws.below("floor", index, 30) + 1), pa.string())
    road = draws.pick("road", index, strings(list(places.ROADS)))
    return joined("甘肃省", places.CITY, district, road, house, "号", floor, "层")


def _capital(draws: Draws, index: Ints) -> pa.Array:
    amount = draws.pick("capital", index, strings(["10", "50", "100", "200.5", "500", "1000", "3000", "0.3", "100000"]))
    style = draws.weighted("currency", index, {"万人民币": 90, "万元人民币": 6, "万美元": 2, "万港元": 1, "万欧元": 1})
    return where(draws.chance("no capital", index, 0.1), None, joined(amount, style))


def _dates(draws: Draws, index: Ints, founded: Days) -> dict[str, pa.Array]:
    status = draws.weighted("status", index, {"1": 80, "2": 6, "3": 2, "4": 9, "5": 1, "6": 1, "9": 1})
    approved = founded + draws.below("approved", index, 90).astype("timedelta64[D]")
    closed = approved + (draws.below("closed", index, 300) + 1).astype("timedelta64[D]")
    gone = np.isin(np.array(status.to_pylist()), ["3", "4"])
    end = founded + ((draws.below("term", index, 20) + 5) * 365).astype("timedelta64[D]")
    last = np.where(gone, closed, approved)
    return {
        "成立日期": days(founded),
        "核准日期": days(approved),
        "注销日期": where(gone, days(closed), None),
        "经营期限自": days(founded),
        "经营期限至": where(
            draws.chance("open end", index, 0.6),
            where(draws.chance("9999", index, 0.5), "9999-12-31", "长期"),
            days(end),
        ),
        "状态": status,
        "最后更新日期": days(last),
    }


def _telephone(draws: Draws, index: Ints) -> pa.Array:
    tail = numbers(9_900_000 + draws.below("tail", index, 99_999), 7)
    landline = where(draws.chance("dash", index, 0.7), joined("0943-", tail), joined("0943", tail))
    mobile = joined("164", numbers(draws.below("mobile", index, 10**8), 8))
    return where(draws.chance("no phone", index, 0.2), None, where(draws.chance("cell", index, 0.4), mobile, landline))


def update(frame: Frame, day: int, index: Ints) -> dict[str, pa.Array]:
    """A later day gives some entities another telephone number."""
    draws = frame.draws(f"legal_entity/day{day}")
    return {"联系电话": joined("169", numbers(draws.below("phone", index, 10**8), 8))}
