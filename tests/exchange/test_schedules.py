"""Schedules: their meaning in Chinese; run now, pause and backfill by Airflow's API; and a day without Airflow."""

import json
import threading
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from exchange import entries, schedules, sync
from exchange.access import Actor
from exchange.hub import open_hub
from exchange.scheduler import Health, scheduler_of
from schemas.errors import Denied, InputError, NotFound, SetupError, StateError
from tests.exchange.small_city import PROVIDER, contract, csv_server, people, write_csv

BOSS = Actor("boss", frozenset({"data_admin"}), region="")
EDITOR = Actor("editor", frozenset({"editor"}), PROVIDER)
STRANGER = Actor("other", frozenset({"editor"}), "11620400XX00C0014G")
_MOMENT = "2026-11-22T02:00:00Z"
_DAG = {
    "dag_id": "sync_person", "dag_display_name": "person", "is_paused": False, "is_stale": False,
    "has_import_errors": False, "has_task_concurrency_limits": False, "fileloc": "x", "file_token": "x",
    "max_active_tasks": 1, "max_active_runs": 1, "max_consecutive_failed_dag_runs": 0, "owners": [], "tags": [],
    "timetable_partitioned": False, "timetable_periodic": True, "next_dagrun_run_after": _MOMENT,
    "is_backfillable": True,
}  # fmt: skip
_RUN = {
    "dag_id": "sync_person", "dag_run_id": "r", "dag_display_name": "person", "state": "queued", "run_type": "manual",
    "run_after": _MOMENT, "dag_versions": [],
}  # fmt: skip
_BACKFILL = {
    "id": 1, "dag_id": "sync_person", "dag_display_name": "person", "from_date": _MOMENT, "to_date": _MOMENT,
    "is_paused": False, "reprocess_behavior": "failed", "max_active_runs": 1, "created_at": _MOMENT,
    "updated_at": _MOMENT,
}  # fmt: skip


class FakeAirflow(BaseHTTPRequestHandler):
    """Answers as Airflow 3.3 does; the server keeps what was asked."""

    def log_message(self, *_words):
        """Says nothing."""

    def _do(self):
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        path = self.path.partition("?")[0].removeprefix("/api/v2")
        self.server.asked.append((self.command, path, body))
        status, answer = self._answer(path, body)
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = _do  # noqa: N815 - the names that the server calls

    def _answer(self, path, body):
        if path == "/auth/token":
            right = body == {"username": "admin", "password": "word"}
            return (201, {"access_token": "t"}) if right else (401, {"detail": "no"})
        if "unknown" in path:
            return 404, {"detail": "not found"}
        if path == "/dags/sync_person":
            if self.command == "PATCH":
                self.server.paused = body["is_paused"]
            return 200, _DAG | {"is_paused": self.server.paused}
        if path.endswith("/dagRuns"):
            return 200, _RUN if self.command == "POST" else {"dag_runs": [], "total_entries": 0}
        return 200, _BACKFILL


@pytest.fixture
def airflow():
    """A running fake of Airflow's API."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeAirflow)
    server.asked, server.paused = [], False
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def driven(settings, clock, airflow, tmp_path):
    """A hub whose scheduler is the fake one."""
    password = tmp_path / "airflow-password"
    password.write_text("word\n", encoding="utf-8")
    url = f"http://127.0.0.1:{airflow.server_port}"
    known = settings.model_copy(update={"airflow_url": url, "airflow_password_file": password})
    with open_hub(known, clock) as hub:
        yield hub


def publish(hub, admin, tmp_path, **server):
    """Publishes `person` attached to a file of 20 people."""
    path = tmp_path / "people.csv"
    write_csv(path, people(20))
    entries.apply(hub, admin, contract(server=csv_server(path) | server), "person.yaml", publish=True)


@pytest.mark.parametrize(
    ("cron", "says"),
    [
        ("0 2 * * *", "每天 02:00"),
        ("*/10 * * * *", "每 10 分钟"),
        ("30 3 * * 1", "03:30，仅在 星期一"),
        ("0 0 1 * *", "00:00，每月的 1 号"),
        ("nonsense", "计划写法无法识别"),
        (None, "没有定时计划，需要时立即同步"),
    ],
)
def test_a_cron_line_is_said_in_chinese(cron, says):
    """Each kind of schedule has its meaning in Chinese words; none has an English one."""
    assert schedules.cron_meaning(cron) == says


def test_planned_moments_are_beijing_time():
    """The next runs of a nightly schedule are at two o'clock in Beijing."""
    found = schedules.planned("0 2 * * *", datetime(2026, 11, 22, 2, tzinfo=UTC))
    assert [f"{each:%d %H:%M %z}" for each in found] == ["23 02:00 +0800", "24 02:00 +0800", "25 02:00 +0800"]


def test_without_airflow_the_page_knows_plan_and_history(hub, admin, tmp_path):
    """No scheduler: the view says so, shows plan and history; run now and pause are refused and leave no event."""
    publish(hub, admin, tmp_path)
    sync.run(hub, admin, "person")
    view = schedules.show_schedule(hub, EDITOR, "person")
    assert view.airflow is None and "Airflow 没有运行" in view.airflow_says
    assert (view.cron, len(view.next_runs), [past.state for past in view.history]) == ("0 2 * * *", 3, ["published"])
    with pytest.raises(SetupError, match="AIRFLOW_DOWN"):
        schedules.run_now(hub, EDITOR, "person")
    with pytest.raises(SetupError, match="AIRFLOW_DOWN"):
        schedules.pause(hub, BOSS, "person")


def test_run_now_pause_and_go_on(driven, admin, airflow, tmp_path):
    """Run now triggers the DAG with its mode; a paused schedule refuses until it goes on."""
    publish(driven, admin, tmp_path)
    run_id = schedules.run_now(driven, EDITOR, "person", mode="snapshot")
    [(_, path, body)] = [each for each in airflow.asked if each[:1] == ("POST",) and "dagRuns" in each[1]]
    assert (path, body["dag_run_id"], body["conf"]) == ("/dags/sync_person/dagRuns", run_id, {"mode": "snapshot"})
    assert schedules.pause(driven, BOSS, "person").paused
    assert schedules.show_schedule(driven, EDITOR, "person").airflow.paused
    with pytest.raises(StateError, match="SCHEDULE_PAUSED"):
        schedules.run_now(driven, EDITOR, "person")
    assert not schedules.pause(driven, BOSS, "person", paused=False).paused
    with pytest.raises(InputError, match="MODE"):
        schedules.run_now(driven, EDITOR, "person", mode="change_flag")


def test_outside_the_reading_window_only_when_confirmed(driven, admin, airflow, tmp_path):
    """At ten in the morning a nightly window is closed: refused, then confirmed, and then the sync does read."""
    publish(driven, admin, tmp_path, readingWindow="22:00-06:00")
    with pytest.raises(StateError, match="READING_WINDOW"):
        schedules.run_now(driven, EDITOR, "person")
    run_id = schedules.run_now(driven, EDITOR, "person", outside_window=True)
    begun = sync.begin(driven, admin, "person", trigger=f"sync_person/{run_id}")
    assert sync.extract(driven, admin, begun).extracted == 20


def test_backfill_counts_what_is_planned(driven, admin, airflow, tmp_path):
    """A week has seven nights; a period of the future, a reversed or a huge one is refused."""
    publish(driven, admin, tmp_path)
    assert schedules.backfill(driven, BOSS, "person", date(2026, 11, 10), date(2026, 11, 16)) == 7
    [body] = [each[2] for each in airflow.asked if each[1] == "/backfills"]
    assert (body["dag_id"], body["from_date"][:10], body["max_active_runs"]) == ("sync_person", "2026-11-10", 1)
    for first, last in (
        (date(2026, 11, 16), date(2026, 11, 10)),
        (date(2027, 1, 1), date(2027, 1, 2)),
        (date(2025, 1, 1), date(2026, 1, 1)),
        (date.min, date.max),
    ):
        with pytest.raises(InputError, match="PERIOD"):
            schedules.backfill(driven, BOSS, "person", first, last)


def test_other_departments_and_roles_are_refused(driven, admin, airflow, tmp_path):
    """Another department neither sees nor starts; an editor neither pauses nor backfills; Airflow hears nothing."""
    publish(driven, admin, tmp_path)
    airflow.asked.clear()
    for act in (
        lambda: schedules.show_schedule(driven, STRANGER, "person"),
        lambda: schedules.run_now(driven, STRANGER, "person"),
        lambda: schedules.pause(driven, EDITOR, "person"),
        lambda: schedules.backfill(driven, EDITOR, "person", date(2026, 11, 10), date(2026, 11, 11)),
    ):
        with pytest.raises(Denied):
            act()
    assert airflow.asked == []


def test_what_airflow_refuses_is_said_plainly(driven, airflow, tmp_path):
    """An unknown DAG, a wrong password and health each have a clear answer that holds no secret."""
    scheduler = scheduler_of(driven.settings)
    with pytest.raises(NotFound, match="DAG_UNKNOWN"):
        scheduler.state("unknown")
    wrong = tmp_path / "wrong"
    wrong.write_text("sesame", encoding="utf-8")
    other = scheduler_of(driven.settings.model_copy(update={"airflow_password_file": wrong}))
    with pytest.raises(SetupError, match="AIRFLOW_LOGIN") as caught:
        other.state("person")
    assert "sesame" not in str(caught.value)
    assert not scheduler.health().up
    assert scheduler.log_of("sync_person/portal__1", "extract").endswith(
        "/dags/sync_person/runs/portal__1/tasks/extract"
    )
    assert scheduler.log_of(None, "extract") is None


def test_an_airflow_that_hangs_is_not_waited_for(driven, admin, airflow, tmp_path, monkeypatch):
    """When its health is not answered, the page asks it nothing more: plan and history are the hub's own."""
    publish(driven, admin, tmp_path)
    silent = Health(False, "Airflow 没有应答", answers=False)
    monkeypatch.setattr("exchange.scheduler.Scheduler.health", lambda _self: silent)
    before = len(airflow.asked)
    view = schedules.show_schedule(driven, admin, "person")
    assert (view.airflow, view.airflow_says, view.cron) == (None, "Airflow 没有应答", "0 2 * * *")
    assert len(airflow.asked) == before
