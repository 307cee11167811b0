"""Shared datasets: what is served now, its items, its versions."""

from typing import Any

from exchange import datasets
from portal.desk import Desk
from portal.routes import Pages
from schemas.contract.vocabulary import places

pages = Pages()
router = pages.router


@pages.get("/datasets", action="dataset.list", title="共享数据集", template="datasets.html")
def listed(desk: Desk) -> dict[str, Any]:
    """Lists the shared datasets."""
    return {"datasets": datasets.list_datasets(desk.hub, desk.actor)}


@pages.get("/datasets/{dataset}", action="dataset.show", title="共享数据集", template="dataset.html")
def shown(desk: Desk, dataset: str) -> dict[str, Any]:
    """Shows a dataset with its items and versions; no row of it."""
    view = datasets.show_dataset(desk.hub, desk.actor, dataset)
    versions = datasets.versions(desk.hub, desk.actor, dataset)
    letters = places()["item"].keys["physicalType"].values
    return {"title": view.title, "dataset": view, "versions": versions, "letters": letters}
