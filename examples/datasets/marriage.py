"""Civil affairs' marriage register: an SQLite table with two persons a row."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from examples.departments import CIVIL
from examples.draws import Ints, days, joined, numbers, strings, where
from examples.people import TODAY, People, adults
from examples.tables import Column, Frame

COLUMNS = (
    Column("ywlsh", "业务流水号", "varchar(30)"),
    Column("djzh", "登记证字号", "varchar(40)"),
    Column("djlx", "登记类型", "varchar(4)"),
    Column("djrq", "登记日期", "varchar(20)"),
    Column("jcrq", "解除日期", "varchar(20)"),
    Column("sqr_xm", "本人姓名", "varchar(200)"),
    Column("sqr_zjlx", "本人证件类型代码", "varchar(10)"),
    Column("sqr_zjhm", "本人证件号码", "varchar(40)"),
    Column("po_xm", "配偶姓名", "varchar(200)"),
    Column("po_zjlx", "配偶证件类型代码", "varchar(10)"),
    Column("po_zjhm", "配偶证件号码", "varchar(40)"),
    Column("hyzk", "婚姻状况代码", "varchar(4)"),
    Column("djjg", "登记机关名称", "varchar(200)"),
    Column("djjgdm", "登记机关代码", "varchar(40)"),
    Column("djdxzqh", "登记地行政区划代码", "varchar(12)"),
    Column("lxdh", "联系电话", "varchar(40)"),
)

_YEARS_23 = np.timedelta64(8401, "D")


def make(frame: Frame, index: Ints) -> dict[str, pa.Array]:
    """Makes the clean rows with the given numbers."""
    draws = frame.draws("marriage")
    husband = People(frame.seed, adults(frame.seed, "husband", index, frame.sizes.population, male=True))
    wife = People(frame.seed, adults(frame.seed, "wife", index, frame.sizes.population, male=False))
    first = np.maximum(husband.birth, wife.birth) + _YEARS_23
    span = np.maximum((TODAY - first).astype(np.int64), 1).astype(np.uint64)
    day = first + (draws.bits("day", index) % span).astype("timedelta64[D]")
    left = np.maximum((TODAY - day).astype(np.int64), 1).astype(np.uint64)
    ended = day + (draws.bits("ended", index) % left).astype("timedelta64[D]")
    kind = draws.weighted("kind", index, {"1": 80, "2": 15, "3": 5})
    divorced = np.asarray(kind.to_pylist()) == "2"
    swap = draws.chance("swap", index, 0.5)
    sides = ((wife, husband), (husband, wife))
    own, other = (
        {n: where(swap, getattr(a, n), getattr(b, n)) for n in ("name", "doc_type", "number", "mobile")}
        for a, b in sides
    )
    return {
        "ywlsh": joined("HY", numbers(index + 1, 10)),
        "djzh": joined(where(divorced, "L", "J"), "620400-", days(day, "%Y"), "-", numbers(index + 1, 8)),
        "djlx": kind,
        "djrq": days(day),
        "jcrq": where(divorced, days(ended), None),
        "sqr_xm": own["name"],
        "sqr_zjlx": own["doc_type"],
        "sqr_zjhm": own["number"],
        "po_xm": other["name"],
        "po_zjlx": other["doc_type"],
        "po_zjhm": other["number"],
        "hyzk": where(divorced, "40", draws.weighted("hyzk", index, {"20": 30, "21": 60, "22": 10})),
        "djjg": strings([CIVIL.name] * len(index)),
        "djjgdm": strings([CIVIL.code] * len(index)),
        "djdxzqh": pc.cast(pa.array(husband.district), pa.string()),
        "lxdh": where(draws.chance("phone", index, 0.8), own["mobile"], None),
    }


def update(frame: Frame, day: int, index: Ints) -> dict[str, pa.Array]:
    """A later day corrects the telephone number of some rows."""
    draws = frame.draws(f"marriage/day{day}")
    return {"lxdh": joined("163", numbers(draws.below("phone", index, 10**8), 8))}
