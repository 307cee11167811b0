"""The audit log as evidence: sealing, anchors, verification, export, archive, search, statements, alerts."""
