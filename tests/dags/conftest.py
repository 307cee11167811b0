"""The DAG files under a private AIRFLOW_HOME."""

import importlib.util
import json

import pytest

from tests.structure.house import ROOT

DAGS = ROOT / "dags"


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
def _airflow_home(session_folder):
    """Chooses Airflow's home before any test of this folder can import it."""


@pytest.fixture(scope="session")
def load(session_folder):
    """Loads a DAG file as a module, without any list beside it; its folder is on the path, as under Airflow."""

    def loaded(name):
        spec = importlib.util.spec_from_file_location(name, DAGS / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(DAGS)
        yield loaded


@pytest.fixture(scope="session")
def dag_file(load):
    """The DAG file of the syncs."""
    return load("shuqiao_dags")


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
