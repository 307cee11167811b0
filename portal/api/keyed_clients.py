"""API of machine clients: opening, consent, freeze, secrets."""

from exchange.keyed import clients, credentials
from portal.service import Api

api = Api("机器客户端")
router = api.router

api.get("/clients", clients.list_clients, key="id")
api.post("/clients", clients.open_client)
api.get("/clients/{client_id}", clients.show_client)
api.post("/clients/{client_id}/change", clients.change_client)
api.post("/clients/{client_id}/consent", clients.consent)
api.post("/clients/{client_id}/refuse", clients.refuse)
api.post("/clients/{client_id}/freeze", clients.freeze)
api.post("/clients/{client_id}/unfreeze", clients.unfreeze)
api.post("/clients/{client_id}/close", clients.close)
api.post("/clients/{client_id}/secrets", credentials.new_secret)
api.post("/clients/{client_id}/secrets/{prefix}/revoke", credentials.revoke_secret)
