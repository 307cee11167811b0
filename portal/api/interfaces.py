"""API of interface resources: attaching, testing, suspending, and calling one under a grant."""

from exchange.interfaces import attaching, calling, choosing, testing
from portal.calling import caller
from portal.service import Api

api = Api("接口")
router = api.router
#: Machine clients call as people at a window do.
calls = Api("接口", router, caller)

api.get("/interfaces", attaching.list_interfaces, key="dataset")
api.post("/interface-descriptions/check", attaching.check)
api.post("/interface-tests", testing.test_due)
api.get("/interfaces/{dataset}", attaching.show)
api.get("/interfaces/{dataset}/choices", choosing.choices)
api.post("/interfaces/{dataset}/description", attaching.describe)
api.post("/interfaces/{dataset}/mapping", attaching.map_interface)
api.post("/interfaces/{dataset}/connection", attaching.connect)
api.post("/interfaces/{dataset}/allowance", attaching.allow)
api.post("/interfaces/{dataset}/limits", attaching.limit)
api.post("/interfaces/{dataset}/sample", attaching.set_sample)
api.post("/interfaces/{dataset}/test", testing.run_test)
api.post("/interfaces/{dataset}/submission", attaching.submit)
api.post("/interfaces/{dataset}/decision", attaching.decide)
api.post("/interfaces/{dataset}/suspension", testing.suspend)
api.post("/interfaces/{dataset}/resumption", testing.resume)
api.post("/interfaces/{dataset}/closing", attaching.close)
calls.post("/interfaces/{dataset}/call", calling.call)
