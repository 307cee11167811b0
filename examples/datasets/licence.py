"""The approval bureau's electronic licences `dzzz_xx`: holders are persons and companies."""

import numpy as np
import pyarrow as pa

from examples import places
from examples.datasets import legal_entity
from examples.datasets.population import updated
from examples.departments import APPROVAL, STATE_AUTHORITY
from examples.draws import Draws, Ints, days, joined, moments, numbers, strings, where
from examples.numbers import digits, licence_ids, matrix, texts
from examples.people import TODAY, People, adults
from examples.tables import Column, Frame

COLUMNS = (
    Column("jlbh", "记录编号", "varchar(20)"),
    Column("zzbs", "电子证照标识", "varchar(200)"),
    Column("zzlxdm", "证照类型代码", "varchar(64)"),
    Column("zzlxmc", "证照类型名称", "varchar(256)"),
    Column("zzmc", "证照名称", "varchar(600)"),
    Column("zzbh", "证照编号", "varchar(200)"),
    Column("czzt", "持证主体", "varchar(300)"),
    Column("czztdm", "持证主体代码", "varchar(300)"),
    Column("czztdmlxdm", "持证主体代码类型代码", "varchar(10)"),
    Column("zzbfjg", "证照颁发机构", "varchar(300)"),
    Column("zzbfjgdm", "证照颁发机构代码", "varchar(40)"),
    Column("zzbfrq", "证照颁发日期", "varchar(20)"),
    Column("zzyxqqsrq", "有效期起始日期", "varchar(20)"),
    Column("zzyxqjzrq", "有效期截止日期", "varchar(20)"),
    Column("gxsdbm", "管辖属地编码", "varchar(12)"),
    Column("zzzt", "证照状态", "varchar(10)"),
    Column("ztms", "状态描述", "varchar(500)"),
    Column("kxdj", "可信等级", "varchar(10)"),
    Column("bjbh", "对应办件编号", "varchar(100)"),
    Column("cjsj", "创建时间", "timestamp"),
    Column("gxsj", "更新时间", "timestamp"),
)

#: Sequence of the licence type, its name, and whether persons hold it.
TYPES = (
    ("001", "食品经营许可证", False),
    ("002", "营业执照", False),
    ("003", "公共场所卫生许可证", False),
    ("004", "道路运输经营许可证", False),
    ("005", "建筑业企业资质证书", False),
    ("006", "特种作业操作证", True),
    ("007", "机动车驾驶证", True),
    ("008", "护士执业证书", True),
    ("009", "不动产权证书", True),
    ("010", "残疾人证", True),
)


def make(frame: Frame, index: Ints) -> dict[str, pa.Array]:
    """Makes the clean rows with the given numbers."""
    draws = frame.draws("licence")
    kind = draws.below("type", index, len(TYPES))
    issued = np.datetime64("2018-01-01", "D") + draws.below("issued", index, 3200).astype("timedelta64[D]")
    issued = np.minimum(issued, TODAY - np.timedelta64(1, "D"))
    codes = np.repeat(matrix([STATE_AUTHORITY]), len(index), axis=0)
    codes = np.column_stack([codes, matrix([TYPES[k][0] for k in kind.tolist()])])
    issuer = np.repeat(matrix([APPROVAL.code]), len(index), axis=0)
    serial = digits(2026_000_000_000 + index, 13)
    version = digits(draws.below("version", index, 3) + 1, 3)
    type_names = strings([t[1] for t in TYPES]).take(pa.array(kind))
    status = draws.weighted("status", index, {"01": 85, "02": 2, "03": 2, "04": 5, "05": 3, "06": 1, "07": 1, "99": 1})
    return {
        "jlbh": joined("JL", numbers(index + 1, 10)),
        "zzbs": texts(licence_ids(codes, issuer, serial, version)),
        "zzlxdm": texts(codes),
        "zzlxmc": type_names,
        "zzmc": joined("中华人民共和国", type_names),
        "zzbh": joined("银审", numbers(2018 + index % 9), "第", numbers(index + 1, 8), "号"),
        **_holder(frame, index, kind),
        "zzbfjg": strings([APPROVAL.name] * len(index)),
        "zzbfjgdm": texts(issuer),
        **_validity(draws, index, issued),
        "gxsdbm": strings([str(c) for c in places.DISTRICTS]).take(pa.array(draws.below("area", index, 5))),
        "zzzt": status,
        "ztms": where(np.array(status.to_pylist()) == "99", "依申请暂缓使用", None),
        "kxdj": draws.weighted("trust", index, {"A": 70, "B": 25, "C": 4, "D": 1}),
        "bjbh": where(draws.chance("case", index, 0.8), joined("YQ", numbers(202600000000 + index)), None),
        "cjsj": moments(issued.astype("datetime64[s]") + draws.below("second", index, 86_400).astype("timedelta64[s]")),
        "gxsj": updated(draws, index),
    }


def _holder(frame: Frame, index: Ints, kind: Ints) -> dict[str, pa.Array]:
    person_kind = np.array([t[2] for t in TYPES])[kind]
    people = People(frame.seed, adults(frame.seed, "holder", index, frame.sizes.population))
    entity = frame.draws("licence").below("entity", index, max(frame.sizes.legal_entities, 1))
    return {
        "czzt": where(person_kind, people.name, legal_entity.names(frame, entity)),
        "czztdm": where(person_kind, people.number, texts(legal_entity.codes(frame, entity))),
        "czztdmlxdm": where(person_kind, people.doc_type, "001"),
    }


def _validity(
    draws: Draws, index: Ints, issued: "np.ndarray[tuple[int], np.dtype[np.datetime64]]"
) -> dict[str, pa.Array]:
    start = issued + draws.below("start", index, 10).astype("timedelta64[D]")
    end = start + ((draws.below("years", index, 9) + 1) * 365).astype("timedelta64[D]")
    open_end = where(draws.chance("9999", index, 0.5), "9999-12-31", "长期")
    return {
        "zzbfrq": days(issued),
        "zzyxqqsrq": days(start),
        "zzyxqjzrq": where(draws.chance("open", index, 0.3), open_end, days(end)),
    }


def update(frame: Frame, day: int, index: Ints) -> dict[str, pa.Array]:
    """A later day ties some licences to another case."""
    return {"bjbh": joined("YQ", numbers(202700000000 + day * 1_000_000 + index % 1_000_000))}
