"""Reviews before an entry is submitted (R-23): who, when, with which opinion, and the sealed scan of the sheet."""

from dataclasses import dataclass, fields
from datetime import date, datetime

from sqlalchemy import Connection, select

from catalog.tables_work import entry_reviews


@dataclass(frozen=True, slots=True)
class NewReview:
    """A review to record, with its sealed scan."""

    dataset: str
    version: int
    kind: str
    person: str
    reviewed_on: date
    passed: bool
    opinion: str
    scan_name: str
    scan_type: str
    scan_sealed: bytes
    recorded_by: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Review:
    """A recorded review without its scan."""

    id: int
    dataset: str
    version: int
    kind: str
    person: str
    reviewed_on: date
    passed: bool
    opinion: str
    scan_name: str | None
    scan_type: str | None
    recorded_by: str
    recorded_at: datetime


_COLUMNS = [entry_reviews.c[field.name] for field in fields(Review)]


def add(connection: Connection, review: NewReview) -> int:
    """Records a review and returns its number; an older one of its kind stays as history."""
    values = {field.name: getattr(review, field.name) for field in fields(NewReview)}
    return int(connection.execute(entry_reviews.insert().values(**values).returning(entry_reviews.c.id)).scalar_one())


def of_version(connection: Connection, dataset: str, version: int) -> list[Review]:
    """Lists the reviews of a version, newest first."""
    query = select(*_COLUMNS).where(entry_reviews.c.dataset == dataset, entry_reviews.c.version == version)
    return [Review(**row._asdict()) for row in connection.execute(query.order_by(entry_reviews.c.id.desc()))]


def scan_of(connection: Connection, review_id: int) -> tuple[Review, bytes | None] | None:
    """Finds a review with its sealed scan."""
    query = select(*_COLUMNS, entry_reviews.c.scan_sealed).where(entry_reviews.c.id == review_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else (Review(*row[:-1]), row[-1])
