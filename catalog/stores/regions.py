"""Regions (行政区划) in a tree of four levels, known by their code of 6, 9 or 12 digits."""

from dataclasses import dataclass

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from catalog.tables import regions


@dataclass(frozen=True, slots=True)
class Region:
    """A region; level 1 is the city, 4 a village or community."""

    code: str
    name: str
    parent_code: str | None
    level: int


def find(connection: Connection, code: str) -> Region | None:
    """Finds a region by code."""
    row = connection.execute(select(regions).where(regions.c.code == code)).one_or_none()
    return None if row is None else Region(**row._asdict())


def list_all(connection: Connection) -> list[Region]:
    """Lists the regions by code: each before those below it."""
    return [Region(**row._asdict()) for row in connection.execute(select(regions).order_by(regions.c.code))]


def save(connection: Connection, region: Region) -> None:
    """Records a region or its new name."""
    values = {"code": region.code, "name": region.name, "parent_code": region.parent_code, "level": region.level}
    statement = insert(regions).values(**values)
    connection.execute(statement.on_conflict_do_update(index_elements=["code"], set_={"name": region.name}))
