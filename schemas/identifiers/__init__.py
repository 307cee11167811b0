"""Identifiers of persons, bodies and licences: each check returns all findings and never raises. No data access."""

from schemas.identifiers.by_type import identifier_of_type
from schemas.identifiers.citizen import citizen_id
from schemas.identifiers.credit import org_code, uscc
from schemas.identifiers.licence import licence_id
from schemas.identifiers.registration import registration_number
from schemas.identifiers.result import Finding, Result

__all__ = [
    "Finding",
    "Result",
    "citizen_id",
    "identifier_of_type",
    "licence_id",
    "org_code",
    "registration_number",
    "uscc",
]
