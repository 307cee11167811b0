"""Running the day over the API."""

from exchange import batches, overview, schedules
from portal.service import Api

api = Api("日常运行")
router = api.router

api.get("/overview", overview.show_overview)
api.get("/runs", batches.list_page)
api.get("/runs/{run_id}", batches.show_sheet)
api.post("/runs/{run_id}/release", batches.release)
api.post("/runs/{run_id}/confirm", batches.confirm)
api.post("/runs/{run_id}/discard", batches.discard)
api.post("/runs/{run_id}/revalidate", batches.revalidate)
api.get("/entries/{dataset}/schedule", schedules.show_schedule)
api.post("/entries/{dataset}/schedule/run", schedules.run_now)
api.post("/entries/{dataset}/schedule/pause", schedules.pause)
api.post("/entries/{dataset}/schedule/backfill", schedules.backfill)
