"""The records that are there from the start: invented, realistic, and the same for the same seed."""
