"""What `make run` shows of each dataset: what was published, what was kept as 问题数据 and why."""

from collections.abc import Iterator, Mapping

from exchange import entries, sync
from exchange.access import Actor
from exchange.hub import Hub
from schemas.findings import finding, sentence

_STATES = {
    "published": "已发布",
    "held": "暂缓发布",
    "failed": "失败",
    "discarded": "已作废",
    "superseded": "已被新批次取代",
}


def describe(hub: Hub, actor: Actor, dataset: str) -> Iterator[str]:
    """Yields the lines on one dataset."""
    runs = sync.list_runs(hub, actor, dataset, limit=20)
    entry = entries.show_entry(hub, actor, dataset)
    if not runs:
        yield f"● {dataset} {entry.title}：没有同步过"
        return
    run = runs[0]
    state = _STATES.get(run.state, run.state)
    version = f"版本 {run.version}" if run.version else "没有发布版本"
    yield f"● {dataset} {entry.title}：{state}，{version}，共 {run.rows_after} 行"
    yield f"    读取 {run.extracted} ＝ 合格 {run.accepted} ＋ 问题数据 {run.quarantined} ＋ 重复 {run.duplicates}"
    yield f"    新增 {run.inserted}，更新 {run.updated}，删除 {run.deleted}，未变 {run.unchanged}"
    for reason in run.hold_reasons:
        yield f"    暂缓发布：{reason}"
    if run.error:
        yield f"    {run.error.get('says', '')}"
    # An increment of nothing has no reasons; those of the last batch that had records still stand.
    last = next((each for each in runs if each.extracted), run)
    if last is not run and last.findings:
        yield f"    本次没有读到记录；批次 {last.run_id} 的问题数据 {last.quarantined} 行："
    yield from _reasons(last.findings)


def _reasons(findings: Mapping[str, int]) -> Iterator[str]:
    """Yields why rows were kept back: code, sentence, count; the most frequent first."""
    for code, count in sorted(findings.items(), key=lambda found: -found[1]):
        if finding(code).severity == "error":
            yield f"    {count:>6} 行  {code:<26} {sentence(code, '数据项')}"
