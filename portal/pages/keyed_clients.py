"""Pages of machine clients and of batch verification."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, File, Form, UploadFile

from exchange.keyed import batch, between, clients, credentials, granted
from exchange.keyed.answers import SAYS
from exchange.keyed.batch import Upload
from exchange.keyed.clients import CLIENT_WAYS, NewClient
from exchange.keyed.why import Why
from portal.desk import Desk
from portal.routes import Download, Go, Pages
from portal.tables import WORKBOOK
from schemas.errors import HubError
from schemas.grants import WAYS

pages = Pages()
router = pages.router
_Short = Annotated[str, Form(max_length=200)]
_Long = Annotated[str, Form(max_length=2000)]
_ACTS = {
    "refuse": clients.refuse,
    "freeze": clients.freeze,
    "unfreeze": clients.unfreeze,
    "close": clients.close,
}


@dataclass(frozen=True, slots=True)
class _Said:
    """The form of a batch, beside its file."""

    dataset: str
    other: str
    purpose: str
    case_no: str
    key_column: str

    @classmethod
    def of(
        cls, dataset: _Short, purpose: _Short, case_no: _Short = "", key_column: _Short = "", other: _Short = ""
    ) -> "_Said":
        """Reads the form."""
        return cls(dataset, other, purpose, case_no, key_column)


@pages.get("/clients", action="client.list", title="机器客户端", template="keyed_clients.html")
def listed(desk: Desk) -> dict[str, Any]:
    """Lists the clients within reach."""
    return _clients(desk, None)


def _clients(desk: Desk, fault: HubError | None) -> dict[str, Any]:
    ways = [(way, name) for way, name in WAYS.items() if way in CLIENT_WAYS]
    found = clients.list_clients(desk.hub, desk.actor)
    return {"title": "机器客户端", "clients": found, "ways": ways, "fault": fault}


@pages.post("/clients", action="client.open")
def opened(
    desk: Desk, name: _Short, use: _Long, addresses: _Long, days: Annotated[int, Form()],
    ways: Annotated[list[str] | None, Form()] = None,
) -> Go | dict[str, Any]:  # fmt: skip
    """Opens a client; it waits for the authority's consent."""
    try:
        new = NewClient(name, use, tuple(ways or ()), tuple(addresses.split()), days)
        made = clients.open_client(desk.hub, desk.actor, new)
    except HubError as fault:
        return _clients(desk, fault) | {"template": "keyed_clients.html"}
    return Go(f"/clients/{made.id}", "已开通，待主管部门同意")


@pages.get("/clients/{client_id}", action="client.show", title="机器客户端", template="keyed_client.html")
def shown(desk: Desk, client_id: str) -> dict[str, Any]:
    """Shows a client with the prefixes of its secrets."""
    return _client(desk, client_id, None)


def _client(desk: Desk, client_id: str, fault: HubError | None, **more: Any) -> dict[str, Any]:
    found = clients.show_client(desk.hub, desk.actor, client_id)
    return {"title": found.name, "client": found, "fault": fault, "made": None} | more


@pages.post("/clients/{client_id}/consent", action="client.consent")
def consent(desk: Desk, client_id: str) -> Go:
    """Consents to a client."""
    clients.consent(desk.hub, desk.actor, client_id)
    return Go(f"/clients/{client_id}", "已同意")


@pages.post("/clients/{client_id}/secrets", action="client.secret")
def secret(desk: Desk, client_id: str, kind: _Short, overlap: Annotated[int, Form()] = 24) -> dict[str, Any]:
    """Makes a secret and shows it, once."""
    model = {"template": "keyed_client.html"}
    try:
        made = credentials.new_secret(desk.hub, desk.actor, client_id, kind, overlap)
    except HubError as fault:
        return model | _client(desk, client_id, fault)
    return model | _client(desk, client_id, None, made=made)


@pages.post("/clients/{client_id}/secrets/{prefix}/revoke", action="client.revoke_secret")
def revoke(desk: Desk, client_id: str, prefix: str, reason: _Long) -> Go:
    """Voids a secret."""
    credentials.revoke_secret(desk.hub, desk.actor, client_id, prefix, reason)
    return Go(f"/clients/{client_id}", "密钥已作废")


def _acting(act: str) -> None:
    @pages.post(f"/clients/{{client_id}}/{act}", action=f"client.{act}")
    def done(desk: Desk, client_id: str, reason: _Long) -> Go | dict[str, Any]:
        """Takes one step of a client's life, with its reason."""
        try:
            after = _ACTS[act](desk.hub, desk.actor, client_id, reason)
        except HubError as fault:
            return {"template": "keyed_client.html"} | _client(desk, client_id, fault)
        return Go(f"/clients/{client_id}", f"现在是“{after.state_name}”")


for _name in _ACTS:
    _acting(_name)


@pages.get("/batches", action="batch.list", title="批量核验", template="keyed_batches.html")
def batches(desk: Desk) -> dict[str, Any]:
    """Shows the form and the department's batches."""
    return _batches(desk, None)


def _batches(desk: Desk, fault: HubError | None) -> dict[str, Any]:
    found = [each for each in granted.list_granted(desk.hub, desk.actor) if "compare" in dict(each.ways)]
    jobs = batch.list_batches(desk.hub, desk.actor)
    titles = {each.dataset: each.title for each in found}
    return {"title": "批量核验", "datasets": found, "jobs": jobs, "fault": fault, "names": SAYS, "titles": titles}


@pages.post("/batches", action="batch.run")
def run(
    desk: Desk, file: Annotated[UploadFile, File()], said: Annotated[_Said, Depends(_Said.of)]
) -> Go | dict[str, Any]:
    """Verifies a workbook against a dataset, or compares two datasets by its keys."""
    upload, why = (
        Upload(file.filename or "", file.file.read(), said.key_column),
        Why(said.purpose, case_no=said.case_no),
    )
    try:
        if said.other:
            between.between(desk.hub, desk.actor, said.dataset, said.other, upload, why)
        else:
            batch.run(desk.hub, desk.actor, said.dataset, upload, why)
    except HubError as fault:
        return _batches(desk, fault) | {"template": "keyed_batches.html"}
    return Go("/batches", "已核验，结果保留24小时")


@pages.get("/batches/{job}/result", action="batch.result", title="核验结果", template="keyed_batches.html")
def result(desk: Desk, job: str) -> Download:
    """Hands out a result."""
    name, content = batch.result(desk.hub, desk.actor, job)
    return Download(name, content, WORKBOOK)
