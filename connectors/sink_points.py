"""Names of the steps of bringing a batch to its place; crash tests trip them by these names. No behaviour here."""

PART_WRITTEN = "delivery.part_written"  # a chunk has left; no manifest names it, no transaction has ended
BEFORE_COMMIT = "delivery.before_commit"  # all chunks are there; the transaction is open, the manifest not written
AFTER_COMMIT = "delivery.after_commit"  # the consumer has the batch, the hub does not know it yet

ALL = (PART_WRITTEN, BEFORE_COMMIT, AFTER_COMMIT)
