"""One sync in a process of its own, timed by step: started by bench_sync so that every figure is of a cold process."""

import json
import sys
import time

from exchange import sync
from exchange.access import local_administrator
from exchange.hub import open_hub


def main(dataset: str, mode: str | None) -> None:
    """Syncs and prints the run with the seconds from the start to the lake's commit and to the end."""
    marks: dict[str, float] = {}
    begun = time.perf_counter()

    def progress(step: str, done: int, total: int | None) -> None:
        marks[f"{step}.{done}" if step == "publish" else step] = time.perf_counter() - begun

    with open_hub() as hub:
        begun = time.perf_counter()
        view = sync.run(hub, local_administrator(), dataset, mode=mode, progress=progress)
        whole = time.perf_counter() - begun
    print(json.dumps(view.as_json() | {"to_lake": round(marks.get("publish.1", whole), 2), "whole": round(whole, 2)}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
