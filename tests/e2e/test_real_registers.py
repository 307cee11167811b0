"""The real registers of five provinces through the hub, compared with readings of the files that know nothing of it."""

import gzip
import uuid

import pytest
from psycopg import sql
from stdnum.cn import uscc

from benchmarks import real_registers
from benchmarks import register_checks as checks
from exchange.hub import open_hub
from exchange.settings import Settings
from tests.e2e.conftest import ADMIN

_THERE = pytest.mark.skipif(not checks.FOLDER.is_dir(), reason="the real registers are not in ../shared/data")


@pytest.fixture(scope="module")
def hub(cluster, tmp_path_factory):
    """A hub for all provinces."""
    name, folder = f"registers_{uuid.uuid4().hex[:8]}", tmp_path_factory.mktemp("registers")
    with cluster.connect() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    settings = Settings(var=folder, database_url=cluster.url(name), workers=1, dags_file=folder / "dags.py")
    with open_hub(settings) as opened:
        yield opened
    with cluster.connect() as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.mark.real_data
@_THERE
@pytest.mark.parametrize("province", checks.PROVINCES)
def test_a_register_loses_nothing_and_wrongs_no_company(hub, province):
    """Every record is read and explained, no right code is rejected or wrong one published, capital means what it says.

    Only ragged lines are kept back although a right code is in them; a second sync changes nothing.
    """
    register = real_registers.measure(hub, ADMIN, province)
    run, again = register.run, register.again
    assert run.extracted == register.records == register.lines
    assert run.extracted == run.accepted + run.quarantined + run.duplicates
    assert (register.unexplained, register.wronged, register.believed) == (0, 0, 0)
    assert set(register.reasons) <= {"ragged line", "code in another column", "no right code"}
    assert register.reasons.total() == run.quarantined
    assert register.shapes.total() == run.accepted == run.rows_after
    assert register.contradicted == {}
    assert (again.version, again.inserted, again.updated, again.deleted) == (1, 0, 0, 0)
    assert (again.unchanged, again.quarantined) == (run.accepted, run.quarantined)
    assert register.right


@pytest.mark.real_data
@_THERE
@pytest.mark.parametrize("province", checks.PROVINCES)
def test_two_readings_of_gb_32100_agree(province):
    """The literal recomputation that judges the hub agrees with python-stdnum on every code of the register."""
    codes = {row[checks.CODE] for row in checks.whole(checks.FOLDER / f"{province}.csv.gz")}
    assert [code for code in codes if checks.valid_uscc(code) != uscc.is_valid(code.strip().upper())] == []


def code(number):
    """Makes a fictional credit code (body XX…)."""
    body = f"91620400XX{number:06d}"
    total = sum(int(letter, 36) * weight for letter, weight in zip(body[8:], (3, 7, 9, 10, 5, 8, 4, 2), strict=True))
    body += "0123456789X0"[11 - total % 11]
    return next(body + letter for letter in "0123456789ABCDEFGHJKLMNPQRTUWXY" if checks.valid_uscc(body + letter))


def test_a_made_up_register_with_every_sort_of_dirt(hub, tmp_path, monkeypatch):
    """Untidy codes are kept, wrong and conflicting ones are not; the measuring itself sees each sort."""
    rest = "2020-06-18,有限责任公司,N/A,{},卖布,甘肃,白银,白银区一路1号"
    wrong = code(4)[:-1] + ("0" if code(4)[-1] != "0" else "1")
    lines = [
        f"甲公司,{code(1)},{rest.format('200(万元人民币)')}",
        f"甲公司,{code(1)},{rest.format('200(万元人民币)')}",
        f"乙公司,\u3000{code(2).lower()} ,{rest.format('50(万)')}",
        f"丙公司,{code(3)},{rest.format('100()')}",
        f"丁公司,{wrong},{rest.format('N/A')}",
        f"戊公司,{code(5)},{rest.format('N/A')}",
        f"己公司,{code(5)},{rest.format('N/A')}",
        f"庚,公司,{code(6)},{rest.format('N/A')}",
        f"辛公司,白银区二路2号,{code(7)},有限责任公司,N/A,N/A,卖布,甘肃,白银,2020-06-18",
        f"壬\ufffd公司,{code(8)},{rest.format('资产经营')}",
    ]
    header = "企业名称,统一社会信用代码,注册日期,企业类型,法人代表,注册资金,经营范围,所在省份,地区,注册地址"
    (tmp_path / "made.csv.gz").write_bytes(gzip.compress("\n".join([header, *lines, ""]).encode()))
    monkeypatch.setattr(checks, "FOLDER", tmp_path)
    text = real_registers.CONTRACT.read_text(encoding="utf-8")
    path = tmp_path / "contract.yaml"
    path.write_text(text + "  - {property: thresholds, value: {rejectRatio: 1}}\n", encoding="utf-8")
    monkeypatch.setattr(real_registers, "CONTRACT", path)
    register = real_registers.measure(hub, ADMIN, "made")
    assert (register.run.extracted, register.run.accepted, register.run.duplicates) == (10, 4, 1)
    assert register.reasons == {
        "KEY_CONFLICT": 2, "ragged line": 1, "no right code": 1, "code in another column": 1,
    }  # fmt: skip
    assert register.shapes == {
        ("9(万元人民币)", "amount, CNY"): 1,
        ("9(万)", "amount, no currency, CAPITAL_UNIT"): 1,
        ("9()", "no amount, no currency, CAPITAL_UNIT"): 1,
        ("other text", "no amount, no currency, CAPITAL_FORMAT"): 1,
    }
    assert register.flags["TEXT_MOJIBAKE"] == 1
    assert register.right
