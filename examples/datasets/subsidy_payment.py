"""Civil affairs' subsidy payments: a workbook with a title row, twelve rows a person."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from examples.draws import Ints, days, joined, numbers, strings, where
from examples.people import People, citizens
from examples.tables import Column, Frame

COLUMNS = (
    Column("序号", "序号", cell="number"),
    Column("发放月份", "发放月份，YYYYMM"),
    Column("公民身份号码", "公民身份号码"),
    Column("姓名", "姓名"),
    Column("补贴类型代码", "补贴类型代码"),
    Column("补贴名称", "补贴名称"),
    Column("发放金额", "发放金额（元）", cell="number"),
    Column("发放日期", "发放日期", cell="date"),
    Column("户籍地行政区划代码", "户籍地行政区划代码"),
    Column("联系电话", "手机号码"),
    Column("备注", "备注"),
)

SHEET = "发放明细"
TITLE = "银桥市民政局补贴发放明细表（2025年12月至2026年11月）"
#: Code and name of each subsidy.
TYPES = (("01", "城乡低保"), ("02", "高龄津贴"), ("03", "残疾人两项补贴"), ("04", "孤儿基本生活费"), ("05", "特困供养"))
_MONTHS = [np.datetime64("2025-12", "M") + month for month in range(12)]


def people(frame: Frame, index: Ints) -> People:
    """Gives the person paid in each row, twelve rows each; later days add people, so there is room for more."""
    sizes = frame.sizes
    return People(frame.seed, citizens(frame.seed, index // 12, sizes.population, 2 * sizes.subsidy_people))


def make(frame: Frame, index: Ints) -> dict[str, pa.Array]:
    """Makes the clean rows with the given numbers."""
    draws, paid = frame.draws("subsidy"), people(frame, index)
    month = np.array(_MONTHS)[index % 12]
    kind = draws.below("type", index // 12, len(TYPES))
    day = month.astype("datetime64[D]") + draws.below("day", index % 12, 12).astype("timedelta64[D]")
    yuan = numbers(draws.below("yuan", index // 12, 900) + 80)
    cents = where(
        draws.chance("cents", index // 12, 0.3), ".50", where(draws.chance("five", index // 12, 0.1), ".05", "")
    )
    return {
        "序号": numbers(index + 1),
        "发放月份": days(month.astype("datetime64[D]"), "%Y%m"),
        "公民身份号码": paid.number,
        "姓名": paid.name,
        "补贴类型代码": strings([t[0] for t in TYPES]).take(pa.array(kind)),
        "补贴名称": strings([t[1] for t in TYPES]).take(pa.array(kind)),
        "发放金额": joined(yuan, cents),
        "发放日期": days(day),
        "户籍地行政区划代码": pc.cast(pa.array(paid.district), pa.string()),
        "联系电话": where(draws.chance("phone", index // 12, 0.6), paid.mobile, None),
        "备注": where(draws.chance("note", index, 0.05), "补发上月差额", None),
    }


def update(frame: Frame, day: int, index: Ints) -> dict[str, pa.Array]:
    """A later day corrects the telephone number of some rows."""
    draws = frame.draws(f"subsidy/day{day}")
    return {"联系电话": joined("161", numbers(draws.below("phone", index, 10**8), 8))}
