"""Every table of the city, in the order in which they are generated."""

from examples.defects import death, legal_entity, licence, marriage, population, subsidy_payment
from examples.tables import Table

_MODULES = (population, legal_entity, licence, subsidy_payment, marriage, death)
TABLES: dict[str, Table] = {module.TABLE.dataset: module.TABLE for module in _MODULES}
