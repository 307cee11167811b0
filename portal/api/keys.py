"""API of keys: status, rotation, re-encryption, retirement. No key is ever answered."""

from exchange.keys import rotation
from portal.service import Api

api = Api("keys")
router = api.router

api.get("/keys", rotation.status)
api.post("/keys/rotate", rotation.rotate)
api.post("/keys/reencrypt", rotation.reencrypt, progress=None)
api.post("/keys/{generation}/retire", rotation.retire)
