"""Shared datasets over the API."""

from exchange import datasets
from portal.service import Api

api = Api("共享数据集")
router = api.router

api.get("/datasets", datasets.list_datasets, key="dataset")
api.get("/datasets/{dataset}", datasets.show_dataset)
api.get("/datasets/{dataset}/versions", datasets.versions)
api.post("/datasets/{dataset}/rollback", datasets.rollback)
