"""Where data rests: landing, staging, quarantine, tables, changes, serving tables. Holds no key, knows no user."""
