"""The forms of directory entries, one declaration a resource type: a field is added in YAML alone.

    forms/<type>.yaml   which sections and fields a resource type shows, in their order
    forms/fields.yaml   every field: label, place in the contract, picker, when it is needed

What a place takes is judged by schemas/contract/vocabulary.yaml; nothing is said twice. Pure: reads no contract.
"""

from schemas.forms.fields import Field, Option
from schemas.forms.forms import Form, Section, form, form_for, resource_types

__all__ = ["Field", "Form", "Option", "Section", "form", "form_for", "resource_types"]
