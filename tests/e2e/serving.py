"""A hub on a PostgreSQL of its own with a portal in a process of its own: what can be killed while clients work."""

import multiprocessing
import os
import signal
import threading
import time
from contextlib import contextmanager
from itertools import count

import httpx
import uvicorn
from sqlalchemy import text

from exchange.hub import open_hub
from exchange.settings import Settings
from portal.app import create_app
from runtime import processes
from runtime.postgres import free_port
from tests.keyed.conftest import PEOPLE
from tests.sharing.conftest import monday

#: The imports are done once, so that a portal that was killed is there again at once.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.e2e.serving"])


def settings_in(folder, url):
    """Returns the settings of the hub and of its portal."""
    return Settings(var=folder / "var", database_url=url, workers=1, dags_file=folder / "dags.py")


class Served:
    """The hub as the test sees it, its cluster and its portal."""

    def __init__(self, hub, cluster):
        self.hub, self.cluster, self.key = hub, cluster, ""
        self.port, self.process, self.numbers = free_port(), None, count(1)

    @property
    def url(self):
        """Is the address of the portal."""
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        """Starts the portal and waits until it is ready."""
        given = (self.hub.settings.var.parent, self.hub.database_url, self.port)
        self.process = FORKS.Process(target=serve, args=given)
        self.process.start()
        for _ in range(1200):
            assert self.process.is_alive()
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5, trust_env=False).status_code == httpx.codes.OK:
                    return
            except httpx.HTTPError:
                time.sleep(0.1)
        raise AssertionError("the portal is not ready")

    def kill(self, victim):
        """Kills the portal's or the database's process as a machine out of memory would."""
        pid = self.process.pid if victim == "portal" else self.cluster.find().pid
        os.kill(pid, signal.SIGKILL)
        if victim == "portal":
            self.process.join()

    def heal(self, victim):
        """Starts again what was killed, as the supervisor does; the other one was never told."""
        if victim == "portal":
            self.start()
        else:
            self.cluster.start()

    def stop(self):
        """Ends the portal."""
        if self.process is not None:
            self.process.kill()
            self.process.join()

    def ask(self, number, client=None):
        """Looks a person up under a request number; returns the answer."""
        said = {"purpose": "basis", "case_no": "BJ-2026-1", "handler": "李经办", "window": "三号"}
        body = {"key": PEOPLE[3]["gmsfhm"], "why": said | {"request_id": f"request-{number:06d}"}}
        ask = client or httpx
        headers = {"x-api-key": self.key}
        trust = {} if client else {"trust_env": False}
        return ask.post(f"{self.url}/api/v1/keyed/person/lookup", json=body, headers=headers, timeout=30, **trust)

    @contextmanager
    def asked(self, clients=3):
        """Lets clients look up without a pause while the block runs; yields what they were answered."""
        load = Load(self)
        threads = [threading.Thread(target=load.work) for _ in range(clients)]
        for each in threads:
            each.start()
        try:
            yield load
        finally:
            load.over.set()
            for each in threads:
                each.join()

    def rows(self, query, **values):
        """Asks the database."""
        with self.hub.transaction() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]


class Load:
    """What clients were answered: numbers with rows, numbers without an answer, when, and what was refused."""

    def __init__(self, served):
        self.served, self.over = served, threading.Event()
        self.answered, self.unanswered, self.refused, self.last = [], [], [], 0.0

    def work(self):
        """Looks up until told to stop; who gets no answer goes on with another number."""
        with httpx.Client(trust_env=False) as client:
            while not self.over.is_set():
                number = next(self.served.numbers)
                try:
                    answer = self.served.ask(number, client)
                except httpx.HTTPError:
                    self.unanswered.append(number)
                    self.over.wait(0.05)
                    continue
                self.take(number, answer)

    def take(self, number, answer):
        """Notes an answer."""
        if answer.status_code == httpx.codes.OK:
            self.answered.append(number)
            self.last = time.monotonic()
        elif answer.status_code == httpx.codes.FORBIDDEN:
            self.refused.append(answer.json())
        else:
            self.unanswered.append(number)
            self.over.wait(0.05)


def until(found, seconds=120):
    """Waits until something is so."""
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Falling:
    """Fault points of a hub whose database is killed at one of them, once."""

    def __init__(self, cluster, point):
        self.cluster, self.point = cluster, point

    def reach(self, point):
        """Kills the database at the point."""
        if point == self.point:
            self.point = None
            os.kill(self.cluster.find().pid, signal.SIGKILL)
            until(lambda: not processes.working_in(self.cluster.home / "data"))


def serve(folder, url, port):
    """Is the portal's process, at the tests' fixed time."""
    with open_hub(settings_in(folder, url), monday()) as hub:
        uvicorn.run(create_app(hub), port=port, log_level="critical", access_log=False)
