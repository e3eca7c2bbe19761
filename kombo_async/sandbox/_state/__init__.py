"""What is kept: records, integrations, files, events, in SQLite."""
