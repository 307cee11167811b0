"""Names of the durable steps of this room; crash tests trip them by these names. No behaviour here."""

STAGING_SETTLED = "staging.settled"  # the uniqueness pass is written
CHANGESET_WRITTEN = "changeset.written"  # the change set of the run is written
LAKE_FILES_WRITTEN = "lake.files_written"  # new data files rest, no commit names them yet
LAKE_COMMITTED = "lake.committed"  # the table has its new version
CHANGES_FILES_WRITTEN = "changes.files_written"
CHANGES_COMMITTED = "changes.committed"  # the change table has the change set
SERVING_PREPARED = "serving.prepared"  # the side table is loaded and indexed, the transaction has not begun

ALL = (
    STAGING_SETTLED,
    CHANGESET_WRITTEN,
    LAKE_FILES_WRITTEN,
    LAKE_COMMITTED,
    CHANGES_FILES_WRITTEN,
    CHANGES_COMMITTED,
    SERVING_PREPARED,
)
