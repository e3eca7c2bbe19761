"""The state: records, integrations, files, events, in SQLite."""
