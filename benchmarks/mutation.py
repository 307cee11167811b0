"""Mutation run: breaks a module in one small way, runs its tests, and counts the breaks that no test notices.

`python -m benchmarks.mutation identifiers|plan|publish [--sample 60] [--seed 1] [--only PART] [--again]`. Works on a
copy of the tree, one process at a time. The mutants are cosmic-ray's, and swaps inside SQL texts; those that change
annotations alone are left out. `--again` tries the survivors of the last run only (after adding tests).
"""

import argparse
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from difflib import unified_diff
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import yaml

from benchmarks.mutants import mutants

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "var" / "mutation"
#: Group → modules (a folder means its modules) → the tests that cover them, the quickest first.
IDENTIFIERS = [f"tests/schemas/test_identifiers{part}.py" for part in ("_vectors", "_edges", "_vectorised", "")]
GATE = ["tests/quality/test_plan.py", "tests/quality/test_gate.py"]
LAKE = [f"tests/lake/test_{name}.py" for name in ("settle", "changeset", "publish")]
HUB = ["tests/exchange/test_publication.py", "tests/exchange/test_sync.py"]
GROUPS: dict[str, dict[str, list[str]]] = {
    "identifiers": {"schemas/identifiers": IDENTIFIERS},
    "plan": {f"quality/{name}.py": GATE for name in ("plan", "derived", "conditions")},
    "publish": {"lake/settle.py": LAKE, "lake/changeset.py": LAKE[1:], "lake/publish.py": LAKE[1:]}
    | {"exchange/publication.py": HUB},
}
PHASES = (hypothesis.Phase.explicit, hypothesis.Phase.generate)


class Quick:
    """Plain tests first, then hypothesis with few examples; every run uses the one server."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.workerinput = {"workerid": "gw0"}  # type: ignore[attr-defined]  # so tests/conftest.py starts no server

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        name, few = "_hypothesis_internal_use_settings", {"derandomize": True, "database": None, "phases": PHASES}
        drawn = [item for item in items if hasattr(item.function, name)]
        for item in drawn:
            own = getattr(item.function, name)
            setattr(item.function, name, hypothesis.settings(own, max_examples=min(own.max_examples, 12), **few))
        items[:] = [item for item in items if item not in drawn and "huge" not in item.name] + drawn


def run(tests: list[str], package: str, limit: float) -> str:
    """Runs the tests in a forked process that reads `package` anew: survived, killed or timeout."""
    if (child := os.fork()) == 0:
        os.setpgid(0, 0)
        for stream in (1, 2):
            os.dup2(os.open(os.devnull, os.O_RDWR), stream)
        for name in [name for name in sys.modules if name.startswith((package, "exchange", "tests"))]:
            del sys.modules[name]
        os._exit(int(pytest.main([*tests, "-x", "-p", "no:cacheprovider", "--assert=plain"], plugins=[Quick()])))
    until = time.monotonic() + limit
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return "killed" if status else "survived"
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timeout"


def work(
    name: str, tests: list[str], options: argparse.Namespace, wanted: set[str] | None
) -> dict[str, dict[str, str]]:
    """Runs the sample of one module; `wanted` are the mutants to try, if not all."""
    path, package, found = Path(name), name.rpartition("/")[0].replace("/", "."), {}
    source, begun = path.read_text(encoding="utf-8"), time.monotonic()
    for test in tests:
        importlib.import_module(test.removesuffix(".py").replace("/", "."))
    assert run(tests, package, 600) == "survived", f"{name}: the tests fail without a mutation"
    limit = 20 + 3 * (time.monotonic() - begun)
    for operator, changed in islice(mutants(source, f"{options.seed}:{name}"), options.sample):
        diff = "\n".join([*unified_diff(source.splitlines(), changed.splitlines(), n=0, lineterm="")][2:])
        if wanted is None or name + diff in wanted:
            path.write_text(changed, encoding="utf-8")
            outcome = run(tests, package, limit)
            found[name + diff] = {"module": name, "operator": operator, "diff": diff, "outcome": outcome}
            print(f"{outcome} {name} {operator}\n{diff}\n" if outcome != "killed" else ".", flush=True)
    path.write_text(source, encoding="utf-8")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("group", choices=GROUPS)
    parser.add_argument("--sample", type=int, default=60)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--only", default="", help="part of a module's path")
    parser.add_argument("--again", action="store_true", help="only the survivors of the last run")
    options = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    book = RESULTS / f"{options.group}.json"
    last = {one["module"] + one["diff"]: one for one in json.loads(book.read_text())} if book.exists() else {}
    alive = {key for key, one in last.items() if one["outcome"] == "survived"} if options.again else None
    with tempfile.TemporaryDirectory(prefix="mutation") as folder:
        copy, session = Path(folder, "tree"), Path(folder, "session")
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "var", "__pycache__"))
        Path(folder).chmod(0o711)  # the server may run as another user
        session.mkdir(mode=0o711)
        os.chdir(copy)
        sys.path[:] = [str(copy), *(path for path in sys.path if path and Path(path).resolve() != ROOT)]
        sys.dont_write_bytecode = True
        yaml.safe_load = partial(yaml.load, Loader=yaml.CSafeLoader)  # each forked run reads the list of findings anew
        quick = {"PYTHONPATH": str(copy), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "SHUQIAO_TEST_SESSION": str(session)}
        os.environ.update(quick | {"PYTHONDONTWRITEBYTECODE": "1"})  # noqa: TID251
        try:
            for name, tests in GROUPS[options.group].items():
                for path in sorted(Path(name).glob("[a-z]*.py")) if Path(name).is_dir() else [Path(name)]:
                    if options.only in str(path):
                        last |= work(str(path), tests, options, alive)
                        book.write_text(json.dumps([*last.values()], ensure_ascii=False, indent=1), encoding="utf-8")
        finally:  # the first test that needs a server starts it, outside this process
            stop = f"import pathlib, tests.conftest as c; c._cluster(pathlib.Path({str(session)!r})).stop()"
            subprocess.run([sys.executable, "-c", stop], check=True)
    counts = Counter((one["module"], one["outcome"]) for one in last.values())
    for module in sorted({module for module, _ in counts}):
        print(module, {outcome: count for (of, outcome), count in sorted(counts.items()) if of == module})


if __name__ == "__main__":
    main()
