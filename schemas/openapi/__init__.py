"""Reading and checking a provider's OpenAPI description: no network, no database, no reference that leads outside."""
