"""The directory over the API."""

from exchange import entries
from portal.service import Api

api = Api("目录条目")
router = api.router

api.get("/entries", entries.list_entries, key="dataset")
api.get("/entries/{code:path}", entries.show_entry)
