"""The example city beside the hub: its departments' own databases and files, registered as a department would do it."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from exchange import connections, entries
from exchange.access import Actor
from exchange.hub import Hub
from exchange.settings import Settings, environment_for
from runtime import places
from runtime.places import ROOT, Places
from runtime.postgres import Cluster
from schemas.errors import SetupError

_EXAMPLES = ROOT / "examples"
#: The hub's read-only account at the departments.
_READER = "hub_reader"
# The examples stand above the runtime and are not imported by it.
_CONNECTIONS = (
    "import json, pathlib, sys; from examples.city import connections; "
    "json.dump(connections(pathlib.Path(sys.argv[1]), sys.argv[2]), sys.stdout)"
)


class City:
    """The fictional departments under `var/city`, with a PostgreSQL of their own."""

    def __init__(self, settings: Settings, scale: float = 1.0) -> None:
        self._settings = settings
        self._scale = scale
        self._places = Places(settings.var)
        self.folder = settings.var / "city"
        self.cluster = Cluster(
            self.folder / "postgres",
            self._places.run,
            self._places.secrets,
            name="departments",
            settings={"fsync": "off"},
        )

    def start(self) -> None:
        """Starts the departments' server and generates their data, unless this version's data are there."""
        self.folder.mkdir(exist_ok=True)
        # The departments' server may run as a user of its own, which has to pass here.
        self.folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
        self.cluster.start()
        marker = self.folder / "generated.json"
        wanted = {"examples": _fingerprint(), "scale": self._scale, "cluster": self._cluster_id()}
        if places.read_json(marker) != wanted:
            marker.unlink(missing_ok=True)
            self._generate()
            places.write_json(marker, wanted)

    def stop(self) -> bool:
        """Stops the departments' server."""
        return self.cluster.stop()

    def register(self, hub: Hub, actor: Actor) -> list[str]:
        """Registers every connection and publishes every entry of the city; returns the datasets."""
        password = places.secret(self._places.secrets, "departments-reader")
        for name, url in self._connections().items():
            known = url.replace("postgresql://", f"postgresql://{_READER}:{password}@", 1)
            connections.set_connection(hub, actor, name, known)
        registered = []
        for path in sorted((_EXAMPLES / "contracts").glob("*.yaml")):
            text = path.read_text(encoding="utf-8")
            registered.append(entries.apply(hub, actor, text, path.name, publish=True).dataset)
        return registered

    def _generate(self) -> None:
        places.secret(self._places.secrets, "departments-reader")
        command = [
            sys.executable, "-m", "examples", "generate", "--out", str(self.folder), "--scale", str(self._scale),
            "--postgres-url", f"postgresql://{self.cluster.admin}@{self._address()}/postgres",
            "--reader", _READER, "--reader-password-file", str(self._places.secrets / "departments-reader"),
        ]  # fmt: skip
        # The password goes by environment: arguments are seen by every user of the machine.
        environment = environment_for(self._settings) | {"PGPASSWORD": self.cluster.password()}
        with (self._places.log / "city.log").open("wb") as log:
            done = subprocess.run(command, cwd=ROOT, env=environment, stdout=log, stderr=log, check=False)
        if done.returncode:
            raise SetupError(
                "示例城市没有生成（the example city was not generated）", "", f"请查看 {self._places.log / 'city.log'}"
            )

    def _connections(self) -> dict[str, str]:
        command = [sys.executable, "-c", _CONNECTIONS, str(self.folder), f"postgresql://{self._address()}/postgres"]
        environment = environment_for(self._settings)
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        found: dict[str, str] = json.loads(done.stdout)
        return found

    def _address(self) -> str:
        server = self.cluster.find()
        if server is None:
            raise SetupError("部门数据库没有运行（the departments' database is not running）")
        return f"127.0.0.1:{server.port}"

    def _cluster_id(self) -> str:
        with self.cluster.connect() as connection:
            found = connection.execute("SELECT system_identifier FROM pg_control_system()").fetchone()
        return str(found[0]) if found else ""


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for path in sorted([*_EXAMPLES.rglob("*.py"), *_EXAMPLES.rglob("*.yaml"), *_schemas()]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _schemas() -> list[Path]:
    return [path for path in (ROOT / "schemas").rglob("*") if path.suffix in {".py", ".yaml", ".csv"}]
