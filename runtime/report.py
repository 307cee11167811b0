"""What `make run` shows at its end: per dataset what was published, what was kept as 问题数据 and why; two look-ups."""

from collections.abc import Iterator, Mapping, Sequence

from exchange import datasets, entries, sync
from exchange.access import Actor
from exchange.hub import Hub
from exchange.runs import RunView
from schemas.findings import finding, sentence

#: Subjects looked up at the end: dataset, the item that holds its key, what it is.
_LOOKUPS = (("population", "citizen_id", "一个人"), ("legal_entity", "uscc", "一家单位"))
_STATES = {
    "published": "已发布",
    "held": "暂缓发布",
    "failed": "失败",
    "discarded": "已作废",
    "superseded": "已被新批次取代",
}


def newest_run(hub: Hub, actor: Actor, dataset: str) -> RunView | None:
    """Returns the dataset's newest run."""
    found = sync.list_runs(hub, actor, dataset, limit=1)
    return found[0] if found else None


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


def look_up(hub: Hub, actor: Actor, published: Sequence[str]) -> Iterator[str]:
    """Yields one person and one company, found by their keys."""
    for dataset, item, what in _LOOKUPS:
        if dataset not in published:
            continue
        key = _any_key(hub, actor, dataset, item)
        answer = datasets.lookup(hub, actor, dataset, key)
        yield f"● 按号码查{what}：shuqiao dataset lookup {dataset} {key}"
        titles = {
            str(each.get("name")): str(each.get("title")) for each in entries.show_entry(hub, actor, dataset).items
        }
        for row in answer.rows:
            shown = [f"{titles.get(name, name)} {value}" for name, value in row.values.items() if value is not None]
            yield "    " + " ".join("，".join(shown[:8]).split())


def _any_key(hub: Hub, actor: Actor, dataset: str, item: str) -> str:
    with datasets.query(hub, actor, f'SELECT "{item}" FROM "{dataset}" WHERE "{item}" IS NOT NULL LIMIT 1') as reader:
        for batch in reader:
            for row in batch.to_pylist():
                return str(row[item])
    return ""
