"""The real registers of five provinces, one entry each, synced through the hub; writes docs/real-data.md.

    python -m benchmarks.real_registers [--provinces gansu yunnan …]

Prints one JSON line a province; without all five the document is left as it is. Reads ../shared/data/legal_entities and
puts no row of it anywhere but into a hub in a folder of its own, which is deleted.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import register_checks as checks
from benchmarks import register_report
from exchange import entries, quarantine, sync
from exchange.access import Actor, local_administrator
from exchange.hub import Hub, open_hub
from exchange.runs import RunView
from exchange.settings import Settings
from tests.reading import select

ROOT = Path(__file__).parent.parent
CONTRACT = ROOT / "tests" / "contracts" / "legal_entity_register.yaml"


@dataclass
class Register:
    """What became of one province's register."""

    province: str
    records: int
    lines: int
    run: RunView
    again: RunView
    #: Error code -> rejected rows that have it.
    rejected: Counter[str] = field(default_factory=Counter)
    #: Why a row cannot be kept, seen from outside -> rejected rows; with the codes where its credit code is right.
    reasons: Counter[str] = field(default_factory=Counter)
    unexplained: int = 0
    #: Rows rejected for their credit code although it is right by GB 32100.
    wronged: int = 0
    #: Published rows whose credit code is wrong by GB 32100.
    believed: int = 0
    #: (shape, what the hub said) -> rows, and how many of them an independent reading contradicts.
    shapes: Counter[tuple[str, str]] = field(default_factory=Counter)
    contradicted: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)

    @property
    def right(self) -> bool:
        """Says whether nothing is lost and the independent reading contradicts nothing."""
        lost = self.run.extracted != self.records or self.records != self.lines
        changed = self.again.version != self.run.version or self.again.unchanged != self.run.accepted
        return not (lost or changed or self.unexplained or self.wronged or self.believed or self.contradicted)

    def figures(self) -> dict[str, Any]:
        """Gives the line of JSON."""
        run = self.run
        return {
            "bench": "real_registers", "province": self.province, "rows": run.extracted, "accepted": run.accepted,
            "quarantined": run.quarantined, "duplicates": run.duplicates, "rejected_by": dict(self.rejected),
            "reasons": dict(self.reasons), "capital_contradicted": self.contradicted.total(), "wronged": self.wronged,
            "seconds": dict(run.seconds), "seconds_again": dict(self.again.seconds),
        }  # fmt: skip


def apply_entry(hub: Hub, actor: Actor, province: str) -> str:
    """Publishes a province's entry; returns its dataset."""
    text = CONTRACT.read_text(encoding="utf-8").replace("PROVINCE", province)
    text = text.replace("LOCATION", str(checks.FOLDER / f"{province}.csv.gz"))
    return entries.apply(hub, actor, text, f"register_{province}.yaml", publish=True).dataset


def measure(hub: Hub, actor: Actor, province: str) -> Register:
    """Syncs one register twice and compares it with an independent reading of its file."""
    dataset, path = apply_entry(hub, actor, province), checks.FOLDER / f"{province}.csv.gz"
    run = sync.run(hub, actor, dataset)
    assert run.state == "published", run.hold_reasons
    _, rows = checks.records(path)
    register = Register(province, len(rows), checks.lines(path), run, sync.run(hub, actor, dataset))
    _look_at_rejected(register, list(quarantine.show(hub, actor, run.run_id)), rows)
    published = select(hub, f"SELECT uscc, reg_capital, currency_code, flags FROM {dataset}")
    _look_at_published(register, path, iter(published))
    return register


def _look_at_rejected(register: Register, rejected: Sequence[quarantine.QuarantineRow], rows: list[list[str]]) -> None:
    for row in rejected:
        errors = [finding for finding in row.findings if finding["severity"] == "error"]
        codes = {finding["code"] for finding in errors}
        register.unexplained += not codes
        register.rejected.update(codes)
        # The record as the csv module reads it, since a ragged one has no columns.
        cells = rows[row.row - 1]
        if "ROW_RAGGED" in codes:
            reason = "ragged line"
        elif checks.valid_uscc(str(row.values[checks.CODE] or "")):
            register.wronged += any(
                finding["item"] == "uscc" and finding["code"] != "KEY_CONFLICT" for finding in errors
            )
            reason = ", ".join(sorted(codes))
        else:
            reason = "code in another column" if any(map(checks.valid_uscc, cells)) else "no right code"
        register.reasons[reason] += 1


def _look_at_published(register: Register, path: Path, published: Iterator[dict[str, Any]]) -> None:
    texts = {row[checks.CODE].strip().upper(): row[checks.CAPITAL] for row in checks.whole(path)}
    for row in published:
        register.believed += not checks.valid_uscc(row["uscc"])
        text = texts[row["uscc"]].strip()
        flags = {flag.partition(":")[0] for flag in row["flags"] or () if "capital" in flag or "currency" in flag}
        register.flags.update({flag.partition(":")[0] for flag in row["flags"] or ()})
        shape = checks.shape(text)
        register.shapes[shape, _said(text, row, flags)] += 1
        amount, currency = checks.capital(text)
        lacking = text not in checks.NOTHING and (amount is None or currency is None)
        if (row["reg_capital"], row["currency_code"], bool(flags)) != (amount, currency, lacking):
            register.contradicted[shape] += 1


def _said(text: str, row: dict[str, Any], flags: set[str]) -> str:
    if text in checks.NOTHING:
        return "none"
    amount = "amount" if row["reg_capital"] is not None else "no amount"
    return ", ".join([amount, row["currency_code"] or "no currency", *sorted(flags)])


@contextmanager
def own_hub() -> Iterator[Hub]:
    """Opens a hub in a folder of its own with an embedded PostgreSQL, and takes it down again."""
    with tempfile.TemporaryDirectory(prefix="shuqiao-registers-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        settings = Settings(var=folder, dags_file=folder / "dags.py")
        try:
            with open_hub(settings) as hub:
                yield hub
        finally:
            env = dict(os.environ) | {"SHUQIAO_VAR": name}  # noqa: TID251 - handed on
            subprocess.run([sys.executable, "-m", "runtime", "down"], check=False, env=env, stdout=subprocess.DEVNULL)


def main() -> int:
    """Measures each province and writes the document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--provinces", nargs="*", default=checks.PROVINCES, choices=checks.PROVINCES)
    chosen = parser.parse_args().provinces
    if not checks.FOLDER.is_dir():
        print(json.dumps({"bench": "real_registers", "skipped": "the registers are not in ../shared/data"}))
        return 0
    found = []
    with own_hub() as hub:
        for province in chosen:
            found.append(measure(hub, local_administrator(), province))
            print(json.dumps(found[-1].figures(), ensure_ascii=False), flush=True)
    if set(chosen) == set(checks.PROVINCES):
        (ROOT / "docs" / "real-data.md").write_text(register_report.document(found), encoding="utf-8")
    return 0 if all(each.right for each in found) else 1


if __name__ == "__main__":
    sys.exit(main())
