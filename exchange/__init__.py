"""What the hub does: every use-case with its permission and its audit event. Knows no Airflow and no terminal."""
