"""What the hub holds: tables of the hub database, stores, migrations. Hands out frozen dataclasses, no ORM objects."""
