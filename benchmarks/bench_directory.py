"""How long the hub takes to import an old directory of 200 entries from one workbook. Target: 5 s.

python -m benchmarks.bench_directory [--entries 200]
"""

import argparse
import subprocess
import sys
import time

from benchmarks.bench_sync import hub_folder, say
from tests.exchange import directory_books as books
from tests.exchange.small_city import PROVIDER


def main() -> None:
    """Imports once in a process with a hub of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=200)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.inside:
        measure(chosen.entries)
        return
    with hub_folder("international") as (env, _):
        command = [sys.executable, "-m", "benchmarks.bench_directory", "--inside", "--entries", str(chosen.entries)]
        subprocess.run(command, check=True, env=env)


def measure(entries: int) -> None:
    """Times the import alone."""
    from catalog.stores import departments  # noqa: PLC0415
    from exchange import directory_workbook  # noqa: PLC0415 - the parent needs no hub
    from exchange.access import local_administrator  # noqa: PLC0415
    from exchange.hub import open_hub  # noqa: PLC0415

    items = [(f"数据项{n}", "字符型", "50") for n in range(7)] + [("姓名", "字符型", "50"), *books.ITEMS[2:]]
    head = ("307005", "", "", "", "", "内容", "数据库")
    lines = [row for n in range(entries) for row in books.rows((head[0], f"第{n}号登记信息", *head[2:]), items)]
    content = books.book(books.NATIONAL, *lines)
    with open_hub() as hub:
        with hub.transaction() as connection:
            departments.save(connection, PROVIDER, "示例市民政局", hub.clock.now())
        begun = time.perf_counter()
        view = directory_workbook.import_workbook(hub, local_administrator(), "目录.xlsx", content)
        seconds = round(time.perf_counter() - begun, 2)
    facts = {"entries": len(view.entries), "applied": view.applied}
    say("import of an old directory", **facts, seconds=seconds, target_seconds=5)


if __name__ == "__main__":
    main()
