"""Landing batches for the gate's benchmark: a population table with 14 rules and a chosen share of bad rows. Seeded."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from schemas.entry import Entry, Item, Rule, Thresholds

DATA_DATE = date(2026, 11, 22)
_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
_ORG = np.array([3, 7, 9, 10, 5, 8, 4, 2])
_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平"


def population() -> Entry:
    """The entry: 14 rules, derived ones included."""
    items = (
        Item("citizen_id", "sfzh", "公民身份号码", "C", "citizen_id", 18, required=True, level=4),
        Item("name", "xm", "姓名", "C", "name", 50, level=3, identifying=True),
        Item("sex_code", "xb", "性别代码", "C", "code", 1, code_set="gb_t_2261_1"),
        Item("birth_date", "csrq", "出生日期", "D", "date"),
        Item("mobile", "sjhm", "手机号码", "C", "mobile", 11),
        Item("address", "zz", "住址", "C", "address", 200),
        Item("employer", "dwdm", "单位统一社会信用代码", "C", "uscc", 18),
    )
    rules = (
        Rule("birth", "expect_citizen_id_birth_date_to_match", {"column_A": "citizen_id", "column_B": "birth_date"},
             "ID_BIRTH_MISMATCH", "error", ("citizen_id", "birth_date")),
        Rule("sex", "expect_citizen_id_sex_to_match", {"column_A": "citizen_id", "column_B": "sex_code"},
             "ID_SEX_MISMATCH", "error", ("citizen_id", "sex_code")),
        Rule("future", "expect_column_values_to_not_be_in_future", {"column": "birth_date"},
             "DATE_FUTURE", "error", ("birth_date",)),
    )  # fmt: skip
    return Entry(
        "population", "人口基础信息", "1.0.0", "公安局", "11620400XX00A0048G", items, ("citizen_id",), rules, None,
        Thresholds(), "2", None, 2,
    )  # fmt: skip


def landing(rows: int, share: float, seed: int = 7) -> list[pa.RecordBatch]:
    """Makes landing batches of 50,000 rows; `share` of them bad, with one to three defects each."""
    random = np.random.default_rng(seed)
    table = _clean(rows, random)
    bad = np.flatnonzero(random.random(rows) < share)
    for row in bad:
        for defect in random.choice(len(_DEFECTS), size=random.integers(1, 4), replace=False):
            column, change = _DEFECTS[defect]
            table[column][row] = change(table[column][row])
    size = 50_000
    return [_batch(table, start, min(start + size, rows)) for start in range(0, rows, size)]


def _batch(table: dict[str, list], start: int, stop: int) -> pa.RecordBatch:
    count = stop - start
    finding = pa.struct([("code", pa.string()), ("column", pa.string()), ("place", pa.string())])
    columns = {
        "_row": pa.array(range(start + 1, stop + 1), pa.int64()),
        "_place": pa.nulls(count, pa.string()),
        "_raw": pa.nulls(count, pa.binary()),
        "_findings": pa.nulls(count, pa.list_(finding)),
        "_op": pa.nulls(count, pa.string()),
        "_time": pa.nulls(count, pa.timestamp("us", "UTC")),
    }
    given = {name: pa.array(cells[start:stop], pa.string()) for name, cells in table.items()}
    return pa.RecordBatch.from_pydict({**columns, **given})


def _clean(rows: int, random: np.random.Generator) -> dict[str, list]:
    days = random.integers(0, 30_000, rows)
    births = [date(1940, 1, 1) + timedelta(days=int(day)) for day in days]
    sexes = random.integers(1, 3, rows)
    sequence = 985 + 2 * random.integers(0, 5, rows) + (sexes == 2)
    ids = [_citizen(f"620402{birth:%Y%m%d}{int(number):03d}") for birth, number in zip(births, sequence, strict=True)]
    names = ["".join((_SURNAMES[a], _GIVEN[b], _GIVEN[c])) for a, b, c in random.integers(0, 20, (rows, 3))]
    return {
        "sfzh": ids,
        "xm": names,
        "xb": [str(sex) for sex in sexes],
        "csrq": [f"{birth:%Y-%m-%d}" for birth in births],
        "sjhm": [f"13{number:09d}" for number in random.integers(0, 10**9, rows)],
        "zz": [f"白银市白银区人民路{number}号" for number in random.integers(1, 999, rows)],
        "dwdm": [_uscc(int(number)) for number in random.integers(0, 10**6, rows)],
    }


def _citizen(body: str) -> str:
    total = int(np.dot(np.frombuffer(body.encode(), np.uint8).astype(int) - 48, _WEIGHTS))
    return body + "10X98765432"[total % 11]


def _uscc(number: int) -> str:
    organisation = f"XX{number:06d}"
    check = (11 - int(np.dot([int(c, 36) for c in organisation], _ORG)) % 11) % 11
    body = f"91620400{organisation}{'X' if check == 10 else check}"
    total = sum(_ALPHABET.index(c) * pow(3, i, 31) for i, c in enumerate(body))
    return body + _ALPHABET[-total % 31]


_DEFECTS = (
    ("sfzh", lambda v: v[:17] + ("1" if v[17:] != "1" else "2")),
    ("sfzh", lambda v: ""),
    ("sfzh", lambda v: v[:12]),
    ("xm", lambda v: v + "\ufffd"),
    ("xm", lambda v: v * 20),
    ("xb", lambda v: "7"),
    ("xb", lambda v: "2" if v == "1" else "1"),
    ("csrq", lambda v: "2020-02-30"),
    ("csrq", lambda v: "2031-01-01"),
    ("sjhm", lambda v: v[:9]),
    ("zz", lambda v: v * 30),
    ("dwdm", lambda v: v[:17] + ("A" if v[17:] != "A" else "B")),
)
