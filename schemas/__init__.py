"""What data means: elements, code sets, identifiers, contracts, findings, errors. No database, no network."""
