"""API of sharing: requests with every command of their life, grants, freezes, recalls, openings, use."""

from collections.abc import Callable
from typing import Any

from exchange.access import Actor
from exchange.hub import Hub
from exchange.sharing import (
    daily,
    decisions,
    disputes,
    drift,
    emergency,
    files,
    form,
    freezes,
    grants,
    recalls,
    requests,
    usage,
    views,
)
from portal.routes import Download
from portal.service import Api


def attachment(hub: Hub, actor: Actor, number: str, file_id: int) -> Download:
    """Hands out an attachment."""
    found = files.show_file(hub, actor, number, file_id)
    return Download(found.name, found.content, found.media_type)


attachment.action = files.show_file.action  # type: ignore[attr-defined]

api = Api("sharing")
router = api.router

api.get("/sharing/requests", views.list_requests, key="number")
api.post("/sharing/requests", requests.draft)
api.post("/sharing/requests/check", requests.check)
api.get("/sharing/inbox", views.inbox)
api.get("/sharing/overdue", views.overdue)
api.get("/sharing/requests/{number}", views.show_request)
api.post("/sharing/requests/{number}/files", files.attach)
api.get("/sharing/requests/{number}/files/{file_id}", attachment)
api.get("/sharing/forms/{dataset}", form.form_of)

_COMMANDS: dict[str, Callable[..., Any]] = {
    "edit": requests.edit,
    "submit": requests.submit,
    "take_back": requests.take_back,
    "hand_back": requests.hand_back,
    "send": requests.send,
    "withdraw": requests.withdraw,
    "resubmit": requests.resubmit,
    "confirm": decisions.confirm,
    "pass_on": decisions.pass_on,
    "return_by_authority": decisions.return_by_authority,
    "refuse_by_authority": decisions.refuse_by_authority,
    "recommend": decisions.recommend,
    "approve": decisions.approve,
    "return_by_provider": decisions.return_by_provider,
    "refuse": decisions.refuse,
    "ask_extension": decisions.ask_extension,
    "allow_extension": decisions.allow_extension,
    "deny_extension": decisions.deny_extension,
    "supply": decisions.supply,
    "dispute": disputes.dispute,
    "agree": disputes.agree,
    "ask_coordination": disputes.ask_coordination,
    "coordinate": disputes.coordinate,
    "ask_decision": disputes.ask_decision,
    "decide_share": disputes.decide_share,
    "decide_refuse": disputes.decide_refuse,
    "drop_dispute": disputes.drop_dispute,
    "give_back": grants.give_back,
    "revoke": grants.revoke,
    "revoke_by_authority": grants.revoke_by_authority,
}
for _name, _use_case in _COMMANDS.items():
    api.post(f"/sharing/requests/{{number}}/{_name}", _use_case)

api.post("/sharing/review-steps", decisions.set_review_steps)
api.post("/sharing/daily", daily.run_daily)
api.get("/sharing/grants", grants.list_grants, key="number")
api.get("/sharing/drift", drift.drift_report)
api.get("/sharing/usage", usage.usage)
api.get("/sharing/unused", usage.unused)
api.get("/sharing/freezes", freezes.list_freezes)
api.post("/sharing/freezes", freezes.freeze)
api.post("/sharing/freezes/{freeze_id}/lift", freezes.lift)
api.get("/sharing/recalls", recalls.list_recalls)
api.post("/sharing/recalls", recalls.raise_recall)
api.post("/sharing/recalls/{recall_id}/acknowledge", recalls.acknowledge)
api.post("/sharing/recalls/{recall_id}/lift", recalls.lift)
api.get("/sharing/emergencies", emergency.report)
api.post("/sharing/emergencies", emergency.open_emergency)
api.post("/sharing/emergencies/{number}/confirm", emergency.confirm)
api.post("/sharing/emergencies/{number}/close", emergency.close)
