"""Keys: which generation seals what, rotation without downtime, re-encryption in the background, retirement."""
