"""What a store changes when its clock is set back; otherwise nothing would be due until the clock has caught up."""

from __future__ import annotations

STEP = 1.0
"""Seconds that a clock may go back before anything is changed."""
TIMES = {
    "integrations": ("due_at", "told_at", "looked_at", "lease_until"),
    "processes": ("lease_until",),
    "subscribers": ("lease_until",),
}
"""The columns that hold times, by table."""
