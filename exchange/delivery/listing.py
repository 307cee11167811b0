"""The list of subscriptions from which the scheduler builds DAGs. Knows no Airflow: writes a file, touches one."""

import json
import os
import time
from pathlib import Path

from catalog.stores import deliveries as store
from exchange.hub import Hub
from lake.places import whole

_AHEAD_SECONDS = 5


def write_deliveries_file(hub: Hub) -> Path:
    """Writes `var/directory/deliveries.json` whole or not at all, then touches the DAG file that reads it."""
    with hub.transaction() as connection:
        found = [each for each in store.list_all(connection) if each.state != "closed"]
    listed = [
        {
            "subscription": each.id,
            "dataset": each.dataset,
            "consumer": each.consumer_code,
            "schedule": each.schedule,
            "state": each.state,
        }
        for each in found
    ]
    path = hub.settings.directory / "deliveries.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as half:
        half.write_text(json.dumps({"subscriptions": listed}, ensure_ascii=False, indent=1), encoding="utf-8")
    dag_file = hub.settings.dags_file.with_name("delivery_dags.py")
    if dag_file.exists():
        ahead = time.time() + _AHEAD_SECONDS
        os.utime(dag_file, (ahead, ahead))
    return path
