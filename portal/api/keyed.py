"""API of operations by key, for machine clients (API key or token) and for people at a window."""

from exchange.keyed import granted, intake, operations
from portal.calling import caller
from portal.lanes import KEYED
from portal.service import Api

api = Api("按号码使用", who=caller, lane=KEYED)
router = api.router

api.post("/keyed/{dataset}/lookup", operations.fetch)
api.post("/keyed/{dataset}/reuse", operations.reuse)
api.post("/keyed/{dataset}/verify", operations.verify)
api.post("/keyed/{dataset}/compare", operations.compare)
api.post("/keyed/{dataset}/subscribe", operations.subscribe)
api.post("/keyed/{dataset}/unsubscribe", operations.unsubscribe)
api.get("/intakes", intake.list_intakes, key="number")
api.post("/intakes/{number}/bind", intake.bind)
api.get("/keyed", granted.list_granted, key="dataset")
