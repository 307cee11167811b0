"""Search over the directory: broad, narrow, one-character, synonym and empty questions. Prints JSON lines.

    python -m benchmarks.bench_search [--entries 10000] [--times 20]

The whole use-case is timed: permission, freshness, hits, facets, snippets, audit. Target: 100 ms at 10,000 entries.
"""

import argparse
import random
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime

from benchmarks.bench_sync import hub_folder, say

QUESTIONS = {
    "broad": "登记信息",
    "one character": "业",
    "one name": "市场主体登记信息0042",
    "old term": "工商局",
    "item": "公民身份号码",
    "two words": "企业 许可",
    "near": "海洋渔业捕捞许可年度核发情况",
    "nothing": "",
}
_SUBJECTS = (
    "市场主体", "企业", "个体工商户", "医疗机构", "学校", "驾驶人", "常住人口", "不动产", "建设项目",
    "社会组织", "低保家庭", "残疾人", "食品生产", "药品经营", "道路运输", "水利工程", "农业合作社", "林权",
    "环评审批", "安全生产", "公积金", "婚姻", "渔业船舶", "海洋", "气象灾害", "旅游景区", "文物", "体育场馆",
)  # fmt: skip
_OFFICES = (
    "市场监督管理局", "公安局", "民政局", "卫健委", "税务局", "教育局", "自然资源局", "住建局", "交通局",
    "水利局",
)  # fmt: skip
_ACTS = (
    "登记信息", "许可信息", "处罚信息", "年报信息", "基本信息", "变更记录", "注销名单", "检查结果",
    "信用评价", "缴费明细",
)  # fmt: skip
_ITEMS = (
    "统一社会信用代码", "公民身份号码", "姓名", "法定代表人", "登记机关", "登记日期", "有效期起", "有效期止",
    "许可内容", "许可证编号", "行政区划代码", "注册地址", "联系电话", "经营范围", "注册资本", "状态代码",
    "变更事项", "变更日期", "处罚决定书文号", "处罚金额", "检查日期", "检查结果", "评价等级", "缴费金额",
    "单位名称",
)  # fmt: skip


def main() -> None:
    """Makes a hub, fills its directory and asks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.inside:
        measure(chosen.entries, chosen.times)
        return
    with hub_folder("international") as (env, _):
        arguments = ["--entries", str(chosen.entries), "--times", str(chosen.times), "--inside"]
        subprocess.run([sys.executable, "-m", "benchmarks.bench_search", *arguments], check=True, env=env)


def measure(entries: int, times: int) -> None:
    """Asks each question as the administrator of the authority and as an editor of one department."""
    from exchange import search  # noqa: PLC0415 - the parent needs no hub
    from exchange.access import Actor  # noqa: PLC0415
    from exchange.hub import open_hub  # noqa: PLC0415

    with open_hub() as hub:
        fill(hub, entries)
        actors = {
            "administrator": Actor("bench", frozenset({"administrator"})),
            "editor": Actor("bench", frozenset({"editor"}), code_of(3)),
        }
        for name, q in QUESTIONS.items():
            for who, actor in actors.items():
                found = search.find(hub, actor, search.Asked(q))
                spent = []
                for _ in range(times):
                    begun = time.perf_counter()
                    search.find(hub, actor, search.Asked(q))
                    spent.append((time.perf_counter() - begun) * 1000)
                figures = {"p50_ms": round(statistics.median(spent), 1), "max_ms": round(max(spent), 1)}
                say("search", question=name, who=who, entries=entries, found=found.total, near=found.near, **figures)


def code_of(number: int) -> str:
    """Makes the code of a department."""
    return f"11620400XX{number:08d}"


def fill(hub, entries: int) -> None:
    """Writes entries and their words as publishing would, without contracts."""
    from sqlalchemy import text  # noqa: PLC0415

    from catalog.stores import departments, entry_words  # noqa: PLC0415
    from exchange.search_words import tokens  # noqa: PLC0415

    draw, now = random.Random(1), datetime(2026, 11, 22, tzinfo=UTC)
    with hub.transaction() as connection:
        for number in range(35):
            departments.save(connection, code_of(number), f"第{number}部门", now)
        for number in range(entries):
            dataset, provider = f"entry_{number:05d}", draw.randrange(35)
            title = f"{draw.choice(_SUBJECTS)}{draw.choice(_ACTS)}{number:04d}"
            items, act = draw.sample(_ITEMS, 18), draw.choice(_ACTS)
            abstract = f"全市{draw.choice(_SUBJECTS)}的{act}，由{draw.choice(_OFFICES)}每日汇总，供各部门核验使用"
            connection.execute(
                text(
                    "insert into hub.entries (dataset, code, title, provider_code, state, published_version,"
                    " created_at, updated_at) values (:dataset, :code, :title, :provider, :state, 1, :now, :now)"
                ),
                {"dataset": dataset, "code": f"307{number:09d}", "title": title, "provider": code_of(provider),
                 "state": 3 if number % 10 else 0, "now": now},
            )  # fmt: skip
            facets = {
                "category": f"30{draw.randrange(1, 9)}", "system": None,
                "provider": code_of(provider), "provider_name": f"第{provider}部门", "share": str(draw.randrange(1, 4)),
                "cycle": str(draw.randrange(1, 9)), "region": f"6204{draw.randrange(20):02d}",
                "abstract": abstract, "items": "、".join(items),
            }  # fmt: skip
            entry_words.save(connection, dataset, list(tokens("\n".join([title, abstract, *items]))), facets)
    with hub.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze hub.entry_words"))
        connection.execute(text("vacuum analyze hub.entries"))


if __name__ == "__main__":
    main()
