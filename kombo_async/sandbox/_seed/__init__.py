"""The initial records: invented, realistic, and the same for the same seed."""
