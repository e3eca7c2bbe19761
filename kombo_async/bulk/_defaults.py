"""The reconcilers that a run has unless it is given others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kombo_async.ats import CreateApplication, CreateCandidate
from kombo_async.bulk._applications import ApplicationReconciler
from kombo_async.bulk._reconcile import Reconciler
from kombo_async.request import Request


def default_reconcilers() -> Mapping[type[Request[Any]], Reconciler]:
    """One for applications and candidates; fresh ones for each run, since they keep what they are looking at."""
    applications = ApplicationReconciler()
    return {CreateApplication: applications, CreateCandidate: applications}
