"""The portal as one process of the stack: started, watched, ended. Imports nothing of it."""

import subprocess
import sys
import time

import httpx

from exchange.settings import Settings, environment_for
from runtime import places, processes
from runtime.places import ROOT, Places
from runtime.postgres import free_port, is_free
from runtime.restarts import Restarts
from schemas.errors import SetupError

#: Long enough for a machine that is busy with other things.
_READY_SECONDS = 180
_END_SECONDS = 10


class PortalProcess:
    """`python -m portal` on a loopback port of its own, recorded in var/run."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._places = Places(settings.var)
        self._record = self._places.run / "portal.json"
        self._running: subprocess.Popen[bytes] | None = None
        self._restarts = Restarts()
        self.port = 0

    @property
    def url(self) -> str:
        """Is the address of the portal."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts the portal on the port it had before, or on a free one; does not wait for it."""
        ports = places.read_json(self._places.run / "ports.json")
        recorded = ports.get("portal")
        self.port = recorded if isinstance(recorded, int) and is_free(recorded) else free_port()
        places.write_json(self._places.run / "ports.json", {**ports, "portal": self.port})
        self._spawn()

    def _spawn(self) -> None:
        with (self._places.log / "portal.log").open("ab") as log:
            self._running = subprocess.Popen(
                [sys.executable, "-m", "portal", "--port", str(self.port)],
                cwd=ROOT,
                env=environment_for(self._settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        places.write_json(self._record, {"port": self.port} | processes.record(self._running.pid).as_json())

    def wait_ready(self, seconds: float = _READY_SECONDS) -> None:
        """Waits until the portal says that it is ready; raises SetupError when it does not."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.keep_alive()
            if self.ready():
                return
            time.sleep(0.2)
        raise _not_ready(self._places)

    def ready(self) -> bool:
        """Says whether the portal is ready now."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2, trust_env=False).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def keep_alive(self) -> bool:
        """Starts the portal again when it has died; returns whether it had. Raises SetupError when that is no help."""
        if self._running is None or self._running.poll() is None:
            return False
        if not self._restarts.allow("portal"):
            raise _not_ready(self._places)
        self._spawn()
        return True

    def stop(self) -> bool:
        """Ends the portal, of this supervisor or of one that was killed; returns whether one ran."""
        found = processes.find(places.read_json(self._record))
        if found is not None:
            processes.end(found, grace=_END_SECONDS)
        if self._running is not None:
            self._running.wait()
            self._running = None
        self._record.unlink(missing_ok=True)
        return found is not None


def _not_ready(where: Places) -> SetupError:
    log = where.log / "portal.log"
    return SetupError(
        "门户没有就绪（the portal is not ready）", "", f"请查看 {log}（see {log}）", code="PORTAL_NOT_READY"
    )
