"""Airflow's REST API as the supervisor needs it. Knows addresses and fields, decides nothing."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from schemas.errors import SetupError

USER = "admin"
#: States in which a run of a DAG has ended.
ENDED = frozenset({"success", "failed"})


class AirflowApi:
    """A signed-in client of one Airflow. Raises SetupError where Airflow refuses or does not answer."""

    def __init__(self, base_url: str, password: str) -> None:
        self.base_url = base_url
        self._password = password
        # A proxy of the environment must never see the loopback.
        self._client = httpx.Client(base_url=base_url, timeout=30, trust_env=False)

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def health(self) -> dict[str, str]:
        """Returns the state of each part, `healthy` or not; nothing while the API does not answer."""
        try:
            found = self._client.get("/api/v2/monitor/health", timeout=5).json()
        except (httpx.HTTPError, ValueError):
            return {}
        return {part: str(facts.get("status")) for part, facts in found.items() if isinstance(facts, dict)}

    def dag_ids(self) -> set[str]:
        """Lists the DAGs that Airflow has, broken ones too."""
        found: set[str] = set()
        while page := self._call("GET", "/dags", params={"limit": 100, "offset": len(found)})["dags"]:
            before = len(found)
            found |= {dag["dag_id"] for dag in page}
            if len(found) == before:
                break
        return found

    def set_pools(self, wanted: Mapping[str, int]) -> None:
        """Makes the pools that are missing and changes those of another size."""
        found = {pool["name"]: pool["slots"] for pool in self._call("GET", "/pools", params={"limit": 1000})["pools"]}
        for name, slots in wanted.items():
            body = {"name": name, "slots": slots, "description": "", "include_deferred": False}
            if name not in found:
                self._call("POST", "/pools", json=body)
            elif found[name] != slots:
                self._call("PATCH", f"/pools/{name}", json=body)

    def pause(self, dag_id: str, *, paused: bool) -> None:
        """Pauses a DAG or lets it go on."""
        self._call("PATCH", f"/dags/{dag_id}", json={"is_paused": paused})

    def trigger(self, dag_id: str, run_id: str, mode: str | None = None) -> None:
        """Triggers a run."""
        body = {"dag_run_id": run_id, "logical_date": None, "conf": {"mode": mode} if mode else {}}
        self._call("POST", f"/dags/{dag_id}/dagRuns", json=body)

    def dag(self, dag_id: str) -> dict[str, Any]:
        """Returns a DAG with `is_paused` and its schedule."""
        return self._call("GET", f"/dags/{dag_id}")

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Returns a run with its `state`."""
        return self._call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Lists the tasks of a run with their states."""
        found: list[dict[str, Any]] = self._call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")[
            "task_instances"
        ]
        return found

    def unfinished_runs(self) -> list[tuple[str, str]]:
        """Lists (DAG, run) of all runs that have not ended."""
        query: dict[str, Any] = {"state": ["running", "queued"], "limit": 100}
        found = self._call("GET", "/dags/~/dagRuns", params=query)["dag_runs"]
        return [(run["dag_id"], run["dag_run_id"]) for run in found]

    def fail_run(self, dag_id: str, run_id: str) -> None:
        """Ends a run whose tasks died with an earlier stack."""
        self._call("PATCH", f"/dags/{dag_id}/dagRuns/{run_id}", json={"state": "failed"})

    def wait_for_dags(self, wanted: Sequence[str], seconds: float) -> None:
        """Waits until Airflow has these DAGs; raises SetupError naming those it has not."""
        deadline = time.monotonic() + seconds
        while missing := set(wanted) - self.dag_ids():
            if time.monotonic() > deadline:
                raise SetupError(
                    f"Airflow 中没有出现同步任务：{'、'.join(sorted(missing))}", "", "请查看 var/log 下的日志"
                )
            time.sleep(0.5)

    def _call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        answer = self._send(method, path, **arguments)
        if answer.is_error:
            raise SetupError(
                f"Airflow 拒绝了请求 {method} {path}（HTTP {answer.status_code}）", "", "请查看 var/log 下的日志"
            )
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Sends a request, signing in first or again; a server that restarts is waited for."""
        for wait in (0.5, 2.0, 5.0, 0.0):
            try:
                if "Authorization" not in self._client.headers:
                    self._sign_in()
                answer = self._client.request(method, f"/api/v2{path}", **arguments)
            except httpx.TransportError:
                time.sleep(wait)
                continue
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                del self._client.headers["Authorization"]
            elif answer.is_server_error:
                time.sleep(wait)
            else:
                return answer
        raise SetupError(
            "Airflow 的接口没有应答（Airflow's API does not answer）", "", "请查看 var/log/airflow-api-server.log"
        )

    def _sign_in(self) -> None:
        answer = self._client.post("/auth/token", json={"username": USER, "password": self._password})
        if answer.is_error:
            raise SetupError(
                "无法登录 Airflow（cannot sign in to Airflow）", "", "请删除 var/secrets/airflow-passwords.json 后重试"
            )
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
