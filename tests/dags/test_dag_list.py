"""The DAG file builds one DAG an entry; what is wrong with one line stays with that line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dags.conftest import DAGS, entry, text_of
from tests.structure.house import ROOT

GOLDEN = Path(__file__).parent / "dag_list.json"


def describe(dag):
    """Says everything of a DAG that a reviewer wants to see change."""
    return {
        "dag_id": dag.dag_id,
        "title": dag.dag_display_name,
        "schedule": getattr(dag.timetable, "expression", None),
        "zone": str(getattr(dag.timetable, "timezone", "")),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "paused": dag.is_paused_upon_creation,
        "tags": sorted(dag.tags),
        "modes": dag.params.get_param("mode").schema["enum"] if "mode" in dag.params else None,
        "tasks": [
            {
                "id": task.task_id,
                "pool": task.pool,
                "retries": task.retries,
                "after": sorted(task.upstream_task_ids),
                "outlets": [asset.uri for asset in task.outlets],
            }
            for task in dag.topological_sort()
        ],
    }


def test_list_of_dags_is_as_reviewed(dag_file):
    """Entries with and without a schedule and a revoked one give exactly the DAGs of dag_list.json."""
    text = text_of(
        entry("population"),
        entry("licence", schedule=None, pool="source_approval", department="示例市审批局"),
        entry("marriage", state="revoked"),
        {"dataset": "half"},
    )
    found = [describe(dag) for dag in dag_file.dags(text)]
    assert found == json.loads(GOLDEN.read_text("utf-8")), json.dumps(found, ensure_ascii=False, indent=1)


@pytest.mark.parametrize(
    "bad",
    [
        {"dataset": "half"},
        "a string",
        None,
        entry("cron", schedule="99 99 * *"),
        entry("坏 名/字"),
        entry("type", schedule=7),
        entry("good"),
        entry("department", department=None) | {"title": None, "pool": ""},
    ],
)
def test_one_bad_line_breaks_no_other(dag_file, bad):
    """A line that cannot be used gives one flagged DAG at most; the good ones before and after it are all there."""
    found = {dag.dag_id: dag for dag in dag_file.dags(text_of(entry("good"), bad, entry("also_good")))}
    assert {"sync_good", "sync_also_good"} <= found.keys()
    assert len(found) == 3
    flagged = [dag for name, dag in found.items() if name.startswith("broken_entry_")]
    assert all("目录条目有误" in dag.tags and "第2条" in dag.description for dag in flagged)


def test_damaged_list_keeps_what_can_be_read(dag_file):
    """A list with a damaged entry in its middle still gives the entries around it."""
    text = text_of(entry("one"), entry("two"), entry("three")).replace('"sync": 1', "")
    damaged = text.replace('"dataset": "two"', '"dataset" "two"')
    found = [dag.dag_id for dag in dag_file.dags(damaged)]
    assert "sync_one" in found
    assert "sync_three" in found
    assert any(name.startswith("broken_entry_") for name in found)


def test_task_builds_its_own_dag_only(dag_file):
    """With the id of one DAG given, as in a task, no other is built."""
    text = text_of(*(entry(f"d{number}") for number in range(50)))
    assert [dag.dag_id for dag in dag_file.dags(text, "sync_d7")] == ["sync_d7"]


def test_empty_and_absent_lists_give_no_dag(dag_file):
    """A clone without entries has no DAG and no error."""
    assert list(dag_file.dags(text_of())) == []
    assert list(dag_file.dags("")) == []


def test_parsing_imports_neither_database_nor_data_libraries(tmp_path):
    """Reading the DAG file imports no pandas, GX, SQLAlchemy engine of ours or exchange module."""
    (tmp_path / "directory").mkdir()
    (tmp_path / "directory" / "dags.json").write_text(text_of(entry("population")), "utf-8")
    program = (
        "import airflow.sdk, airflow.sdk.exceptions\n"
        "from airflow.sdk import DAG, Asset, BaseOperator, CronTriggerTimetable, Param, get_parsing_context\n"
        "import sys, runpy\n"
        f"sys.path.append({str(DAGS)!r})\n"
        "before = set(sys.modules)\n"
        f"runpy.run_path({str(DAGS / 'shuqiao_dags.py')!r})\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    command = ["env", f"SHUQIAO_VAR={tmp_path}", sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    fresh = {name.split(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert not fresh & {
        "pandas",
        "great_expectations",
        "pyarrow",
        "duckdb",
        "deltalake",
        "exchange",
        "catalog",
        "schemas",
    }


def test_airflow_takes_nothing_else_for_a_dag_file(session_folder):
    """What the DAG files import is parsed with them and not as one of them."""
    from airflow.dag_processing.importers import PythonDagImporter  # noqa: PLC0415 - only after its home is chosen

    found = {Path(each).name for each in PythonDagImporter().list_dag_files(DAGS)}
    assert found == {"shuqiao_dags.py", "delivery_dags.py", "nightly_dags.py"}
