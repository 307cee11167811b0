"""The embedded stack: starts, heals and stops PostgreSQL and Airflow for one clone. Must not reach below exchange."""
