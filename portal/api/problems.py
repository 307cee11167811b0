"""Problem data, orders and waivers over the API."""

from exchange import orders, problem_file, problems, waivers
from portal.service import Api

api = Api("问题数据")
router = api.router

api.get("/problems", problems.list_problems)
api.get("/problems/{dataset}", problems.show_rows)
api.get("/problems/{dataset}/rows", problem_file.list_rows)
api.get("/runs/{run_id}/comparison", problems.comparison)
api.get("/orders", orders.list_orders)
api.post("/orders", orders.send)
api.get("/orders/{order_id}", orders.show_order)
api.post("/orders/{order_id}/answer", orders.answer)
api.post("/orders/{order_id}/close", orders.close)
api.get("/waivers", waivers.list_waivers)
api.post("/waivers", waivers.propose)
api.post("/waivers/{waiver_id}/decide", waivers.decide)
