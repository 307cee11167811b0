"""What monitors and load balancers ask: alive, ready, figures. Open to all; no personal data, no draft's name."""

from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from exchange.overview import Figures, figures
from exchange.readiness import readiness
from portal.desk import hub_of
from portal.routes import DECLARED, OPEN

router = APIRouter(include_in_schema=False)
DECLARED["GET", "/healthz"] = DECLARED["GET", "/readyz"] = DECLARED["GET", "/metrics"] = OPEN


@router.get("/healthz")
def alive() -> Response:
    """Says that the process answers."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz")
def ready(request: Request) -> Response:
    """Says whether database, lake and keys are there; 503 names what is not."""
    parts = readiness(hub_of(request))
    whole = all(part.ready for part in parts)
    body = {"status": "ready" if whole else "not ready", "parts": {part.name: part.says for part in parts}}
    return JSONResponse(body, 200 if whole else 503)


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Writes the hub's figures as Prometheus reads them."""
    return Response(generate_latest(_registry(figures(hub_of(request)))), media_type=CONTENT_TYPE_LATEST)


def _registry(found: Figures) -> CollectorRegistry:
    registry = CollectorRegistry()
    single: tuple[tuple[str, str, float], ...] = (
        ("entries", "Directory entries in force", found.entries),
        ("entries_attached", "Entries in force that have an attachment", found.attached),
        ("batches_held", "Batches that wait for a release", found.held),
        ("batches_failed", "Batches that failed and were not yet repeated", found.failed),
        ("entries_late", "Entries whose data is older than their update cycle allows", found.late),
        ("entries_very_late", "Entries whose data is seriously late", found.very_late),
    )
    for name, says, value in single:
        Gauge(f"shuqiao_{name}", says, registry=registry).set(value)
    labelled: tuple[tuple[str, str, str, Mapping[str, float]], ...] = (
        ("runs_today", "Runs begun today by state", "state", found.runs_today),
        ("open_problems", "Open problems of a dataset", "dataset", found.problems),
        ("data_age_seconds", "Age of a dataset's newest data", "dataset", found.data_age),
        ("dataset_rows", "Rows of a dataset's current version", "dataset", found.rows),
    )
    for name, says, label, values in labelled:
        gauge = Gauge(f"shuqiao_{name}", says, [label], registry=registry)
        for key, value in values.items():
            gauge.labels(key).set(value)
    return registry
