"""Health's deaths: a front-end exchange table (前置库交换表) whose rows insert, update and delete certificates.

Twenty rows make a block: certificates 0–16 are inserted, 0 and 1 updated, 2 deleted (a report withdrawn). Every other
deletion carries nothing but the key, as many departments' triggers write it.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from examples.departments import HEALTH
from examples.draws import Ints, days, joined, moments, numbers, strings, where
from examples.people import TODAY, People
from examples.tables import Column, Frame

COLUMNS = (
    Column("bgbh", "报告流水号", "varchar(30)"),
    Column("swzmbh", "死亡医学证明编号", "varchar(60)"),
    Column("zjlx", "证件类型代码", "varchar(10)"),
    Column("gmsfhm", "证件号码", "varchar(40)"),
    Column("xm", "姓名", "varchar(200)"),
    Column("xb", "性别代码", "varchar(10)"),
    Column("csrq", "出生日期", "varchar(20)"),
    Column("swrq", "死亡日期", "varchar(20)"),
    Column("swyy", "死亡原因（ICD-10）", "varchar(20)"),
    Column("swdxzqh", "死亡地行政区划代码", "varchar(12)"),
    Column("bgdw", "报告单位名称", "varchar(200)"),
    Column("bgdwdm", "报告单位代码", "varchar(40)"),
    Column("jslxdh", "家属联系电话", "varchar(40)"),
    Column("cd_operation", "变更标志：I新增 U修改 D删除", "varchar(4)"),
    Column("cd_time", "变更时间", "timestamp"),
    Column("cd_batch", "批次号", "varchar(30)"),
    Column("row_guid", "行标识", "varchar(36)"),
)

BLOCK, CERTIFICATES = 20, 17
_CAUSES = ("I21.9", "I63.9", "C34.9", "J44.1", "E11", "C22.0", "I10", "V89.2", "R54")
_ALWAYS = ("swzmbh", "cd_operation", "cd_time", "cd_batch", "row_guid")
_FIRST = np.datetime64("2026-01-01T06:00:00", "s")


def certificate(index: Ints) -> Ints:
    """Gives the certificate that a row speaks of."""
    block, place = index // BLOCK, index % BLOCK
    return np.asarray(block * CERTIFICATES + np.where(place < CERTIFICATES, place, place - CERTIFICATES))


def operation(index: Ints) -> pa.Array:
    """Gives I, U or D."""
    place = index % BLOCK
    return where(place < CERTIFICATES, "I", where(place < BLOCK - 1, "U", "D"))


def plantable(index: int) -> bool:
    """Only certificates that are never touched again may carry a defect, and the row before is such a one too."""
    return 4 <= index % BLOCK < CERTIFICATES


def make(frame: Frame, index: Ints) -> dict[str, pa.Array]:
    """Makes the clean rows with the given numbers."""
    draws, number = frame.draws("death"), certificate(index)
    people = People(frame.seed, number * 25 + 7)
    cause = draws.pick("cause", number, strings(list(_CAUSES)))
    span = int((TODAY.astype("datetime64[s]") - _FIRST).astype(int))
    rows = max(frame.sizes.deaths, 1)
    written = _FIRST + ((index % rows) * (span // rows)).astype("timedelta64[s]")
    guid = [f"{a:08x}-{b:04x}-4{c:03x}-8{d:03x}-{e:012x}" for a, b, c, d, e in _guid_parts(frame, index)]
    bare = (index % BLOCK == BLOCK - 1) & (index // BLOCK % 2 == 1)
    made = {
        "bgbh": joined("BG", numbers(index + 1, 10)),
        "swzmbh": joined("SW6204", numbers(number + 1, 10)),
        "zjlx": people.doc_type,
        "gmsfhm": people.number,
        "xm": people.name,
        "xb": people.sex,
        "csrq": days(people.birth, "%Y%m%d"),
        "swrq": days(people.death, "%Y%m%d"),
        "swyy": where(np.asarray(operation(index).to_pylist()) == "U", "I46.9", cause),
        "swdxzqh": pc.cast(pa.array(people.district), pa.string()),
        "bgdw": strings([HEALTH.name] * len(index)),
        "bgdwdm": strings([HEALTH.code] * len(index)),
        "jslxdh": joined("168", numbers(draws.below("phone", number, 10**8), 8)),
        "cd_operation": operation(index),
        "cd_time": moments(written),
        "cd_batch": joined("B", days(written.astype("datetime64[D]"), "%Y%m%d")),
        "row_guid": strings(guid),
    }
    return {name: values if name in _ALWAYS else where(bare, None, values) for name, values in made.items()}


def _guid_parts(frame: Frame, index: Ints) -> list[tuple[int, ...]]:
    bits = frame.draws("death").bits("guid", index), frame.draws("death").bits("guid2", index)
    high, low = (part.tolist() for part in bits)
    return [
        (h >> 32, h >> 16 & 0xFFFF, h >> 4 & 0xFFF, h & 0xFFF, v & 0xFFFFFFFFFFFF)
        for h, v in zip(high, low, strict=True)
    ]
