"""The life of entries, their reviews, tasks and duty events over the API."""

from exchange import duties, life, lifecycle, lineage, reviews, revocation, tasks
from portal.service import Api

api = Api("目录条目的办理")
router = api.router

api.get("/life/{dataset}", life.show_life)
api.get("/life/{dataset}/verification", life.verify_history)
api.get("/lineage/{dataset}", lineage.show_lineage)
api.post("/entries/{dataset}/submit", lifecycle.submit)
api.post("/entries/{dataset}/withdraw", lifecycle.withdraw)
api.post("/entries/{dataset}/endorse", lifecycle.endorse)
api.post("/entries/{dataset}/return", lifecycle.return_to_editor)
api.post("/entries/{dataset}/approve", lifecycle.approve)
api.post("/entries/{dataset}/send_back", lifecycle.send_back)
api.post("/entries/{dataset}/reject", lifecycle.reject)
api.post("/entries/{dataset}/abandon", lifecycle.abandon)
api.post("/entries/{dataset}/delete", lifecycle.delete)
api.post("/entries/{dataset}/request_revoke", revocation.request_revoke)
api.post("/entries/{dataset}/approve_revoke", revocation.approve_revoke)
api.post("/entries/{dataset}/reject_revoke", revocation.reject_revoke)
api.post("/entries/{dataset}/resume", revocation.resume)
api.post("/entries/{dataset}/reviews", reviews.record_review)
api.get("/life/{dataset}/reviews/{review_id}/scan", reviews.show_scan)
api.get("/tasks", tasks.list_tasks, key="id")
api.post("/tasks/{task_id}/done", tasks.finish_task)
api.get("/duties", duties.list_duties, key="id")
api.get("/duties/{event_id}", duties.show_duty)
api.post("/duties", duties.register_duty)
api.post("/tasks/{task_id}/extension", duties.ask_extension)
api.post("/tasks/{task_id}/extension/decision", duties.decide_extension)
