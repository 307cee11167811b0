"""Delivery (订阅推送): subscriptions, numbered batches, and how each gets to its consumer exactly once."""
