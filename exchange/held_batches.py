"""Use-case of held batches (暂缓发布): a batch beside the last published version. Decides nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from catalog.stores import datasets, runs
from catalog.stores import entries as entry_store
from catalog.stores.datasets import Version
from catalog.stores.runs import Run
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.runs import entry_of, require_run
from exchange.scope import require_department
from schemas.entry import Entry
from schemas.findings import codes as known_codes
from schemas.findings import finding as kind_of


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of the batch beside the last version's; None where there is none to compare."""

    name: str
    says: str
    now: float | None
    before: float | None

    @property
    def change(self) -> float | None:
        """How much more it is now."""
        return None if self.now is None or self.before is None else self.now - self.before


@dataclass(frozen=True, slots=True)
class Comparison:
    """A batch beside the last published version: counts, null ratios, findings, and what publishing would change."""

    run_id: str
    dataset: str
    title: str
    state: str
    last_version: int | None
    last_run: str | None
    counts: tuple[Compared, ...]
    nulls: tuple[Compared, ...]
    findings: tuple[Compared, ...]
    inserted: int
    updated: int
    deleted: int
    unchanged: int
    kept: int
    reasons: tuple[str, ...]
    shrunk: bool


_COUNTS = {
    "extracted": "读取",
    "duplicates": "重复",
    "accepted": "通过",
    "quarantined": "问题数据",
    "conflicts": "主键冲突",
}


@use_case("sync.compare")
def comparison(hub: Hub, actor: Actor, run_id: str) -> Comparison:
    """Compares a batch with the last published version; raises NotFound, Denied."""
    run = require_run(hub, run_id)
    with hub.transaction() as connection:
        stored = entry_store.find(connection, run.dataset)
    require_department(hub, actor, "sync.compare", stored.provider_code if stored else None, run_id)
    entry, _ = entry_of(hub, run)
    with hub.transaction() as connection:
        version, before = _last(connection, run)
        record(connection, hub, actor, "sync.compare", run_id)
    rows_before = run.rows_before if run.step != "created" else (version.rows if version else 0)
    counts = [Compared("rows", "发布后的行数", run.rows_after, rows_before if version else None)]
    counts += [
        Compared(name, says, getattr(run, name), getattr(before, name) if before else None)
        for name, says in _COUNTS.items()
    ]
    return Comparison(
        run_id=run_id,
        dataset=run.dataset,
        title=entry.title,
        state=run.state,
        last_version=version.version if version else None,
        last_run=before.run_id if before else None,
        counts=tuple(counts),
        nulls=_nulls(entry, run.facts, before.facts if before else None),
        findings=_findings(run.findings or {}, before.findings if before else None),
        inserted=run.inserted,
        updated=run.updated,
        deleted=run.deleted,
        unchanged=run.unchanged,
        kept=run.kept,
        reasons=tuple(str(reason["says"]) for reason in run.hold_reasons),
        shrunk=any(reason["code"] == "volume" for reason in run.hold_reasons) or run.rows_after < rows_before,
    )


def _last(connection: Connection, run: Run) -> tuple[Version | None, Run | None]:
    """Returns the published version that the batch would follow, and the batch that made it."""
    found = [each for each in datasets.versions(connection, run.dataset) if each.run_id != run.run_id]
    if not found:
        return None, None
    return found[0], runs.find(connection, found[0].run_id)


def _nulls(
    entry: Entry, facts: Mapping[str, object] | None, before: Mapping[str, object] | None
) -> tuple[Compared, ...]:
    now, then = _ratios(facts), _ratios(before)
    return tuple(Compared(item.name, item.title, now.get(item.name), then.get(item.name)) for item in entry.items)


def _ratios(facts: Mapping[str, object] | None) -> dict[str, float]:
    """Returns the share of nulls by item; of a batch without rows there is none."""
    rows, nulls = (facts or {}).get("rows"), (facts or {}).get("null_counts")
    if not isinstance(rows, int) or not rows or not isinstance(nulls, Mapping):
        return {}
    return {str(name): count / rows for name, count in nulls.items()}


def _findings(now: Mapping[str, int], before: Mapping[str, int] | None) -> tuple[Compared, ...]:
    codes = sorted({*now, *(before or {})}, key=lambda code: (-now.get(code, 0), code))
    return tuple(
        Compared(
            code,
            kind_of(code).says.replace("{item}", "数据项") if code in known_codes() else code,
            now.get(code, 0),
            None if before is None else before.get(code, 0),
        )
        for code in codes
    )
