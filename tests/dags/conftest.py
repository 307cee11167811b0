"""The DAG file under a private AIRFLOW_HOME, and one real Airflow for all tests that need it."""

import importlib.util
import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from catalog.migrate import upgrade
from exchange.settings import Settings
from runtime.airflow_stack import AirflowStack
from runtime.places import Places
from tests.structure.house import ROOT


def entry(dataset, **changes):
    """Returns one entry of the list as exchange writes it."""
    facts = {
        "dataset": dataset,
        "title": f"标题{dataset}",
        "entry_version": 1,
        "schedule": "0 2 * * *",
        "connection": "police",
        "pool": "source_police",
        "parallel_reads": 1,
        "department": "示例市公安局",
        "state": "published",
    }
    return facts | changes


def text_of(*entries):
    """Returns the list as exchange writes it."""
    return json.dumps({"entries": list(entries)}, ensure_ascii=False, indent=1)


@pytest.fixture(scope="session", autouse=True)
def session_folder():
    """The session's folder, with Airflow's home in it: Airflow reads that when it is imported, and makes it at once."""
    folder = Path(os.environ["SHUQIAO_TEST_SESSION"])  # noqa: TID251
    os.environ["AIRFLOW_HOME"] = str(folder / "airflow-parse")  # noqa: TID251
    os.environ["AIRFLOW_CONFIG"] = str(ROOT / "airflow.cfg")  # noqa: TID251
    return folder


@pytest.fixture(scope="session")
def dag_file(session_folder):
    """The DAG file as a module, imported without any list of entries."""
    spec = importlib.util.spec_from_file_location("shuqiao_dags", ROOT / "dags" / "shuqiao_dags.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def fails_for_good(session_folder):
    """The exception by which a task says that no retry helps."""
    from airflow.sdk.exceptions import AirflowFailException  # noqa: PLC0415 - only after its home is chosen

    return AirflowFailException


@pytest.fixture
def fails_for_now(session_folder):
    """The exception by which a task asks for a retry."""
    from airflow.sdk.exceptions import AirflowException  # noqa: PLC0415 - only after its home is chosen

    return AirflowException


@pytest.fixture(scope="session")
def stack(cluster, session_folder):
    """A real Airflow with its own folder, over the session's PostgreSQL; its hub has a database of its own."""
    var = session_folder / f"var-{os.getpid()}"
    Places(var).prepare()
    dags = var / "dags"
    dags.mkdir()
    shutil.copy(ROOT / "dags" / "shuqiao_dags.py", dags)
    url = cluster.ensure_database(f"hub_{os.getpid()}", "hub")
    upgrade(url)
    settings = Settings(var=var, database_url=url, workers=1, dags_file=dags / "shuqiao_dags.py")
    airflow = AirflowStack(settings, cluster)
    try:
        airflow.start()
        airflow.wait_ready()
        api = airflow.api()
        yield SimpleNamespace(settings=settings, airflow=airflow, api=api, var=var)
        api.close()
    finally:
        airflow.stop()
