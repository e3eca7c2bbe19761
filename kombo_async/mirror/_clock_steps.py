"""What moves in a store when its clock is set back: else nothing would be due until it is that late again."""

from __future__ import annotations

STEP = 1.0
"""Seconds by which a clock may go back unheeded."""
TIMES = {
    "integrations": ("due_at", "told_at", "looked_at", "lease_until"),
    "processes": ("lease_until",),
    "stale": ("noted_at",),
    "subscribers": ("lease_until",),
}
"""The columns with times, by table."""
