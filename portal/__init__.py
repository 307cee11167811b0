"""The web: pages and API over the hub's use-cases. Decides nothing that exchange does not."""
