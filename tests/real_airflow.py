"""One real Airflow for all tests of a process that need it, whatever their folder (tests/conftest.py imports it)."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from runtime.places import ROOT, Places


@pytest.fixture(scope="session")
def session_folder():
    """The session's folder, with Airflow's home in it: Airflow reads that when it is imported, and makes it at once."""
    folder = Path(os.environ["SHUQIAO_TEST_SESSION"])  # noqa: TID251
    os.environ["AIRFLOW_HOME"] = str(folder / "airflow-parse")  # noqa: TID251
    os.environ["AIRFLOW_CONFIG"] = str(ROOT / "airflow.cfg")  # noqa: TID251
    return folder


@pytest.fixture(scope="session")
def stack(cluster, session_folder):
    """A real Airflow with its own folder, over the session's PostgreSQL; its hub has a database of its own."""
    from catalog.migrate import upgrade  # noqa: PLC0415 - most tests need none of these
    from exchange.settings import Settings  # noqa: PLC0415
    from runtime.airflow_stack import AirflowStack  # noqa: PLC0415

    var = session_folder / f"var-{os.getpid()}"
    Places(var).prepare()
    dags = var / "dags"
    dags.mkdir()
    for name in ("shuqiao_dags.py", "hub_step.py", ".airflowignore"):
        shutil.copy(ROOT / "dags" / name, dags)
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
