"""API of deliveries: subscriptions of consumers, their batches and receipts, the public keys of manifests."""

from exchange.delivery import subscriptions, work
from portal.service import Api

api = Api("deliveries")
router = api.router

api.get("/deliveries", subscriptions.list_subscriptions, key="id")
api.post("/deliveries", subscriptions.subscribe, grants=None)
api.get("/deliveries/keys", subscriptions.signing_keys)
api.get("/deliveries/{subscription_id}", subscriptions.show_subscription)
api.post("/deliveries/{subscription_id}/place", subscriptions.change_place)
api.post("/deliveries/{subscription_id}/pause", subscriptions.pause)
api.post("/deliveries/{subscription_id}/resume", subscriptions.resume)
api.post("/deliveries/{subscription_id}/close", subscriptions.close_subscription)
api.post("/deliveries/{subscription_id}/resend", subscriptions.resend)
api.post("/deliveries/{subscription_id}/receipts", subscriptions.hand_in_receipt)
api.post("/deliveries/{subscription_id}/run", work.run, grants=None)
