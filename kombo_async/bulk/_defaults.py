"""The default reconcilers of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kombo_async.ats import CreateApplication, CreateCandidate
from kombo_async.bulk._applications import ApplicationReconciler
from kombo_async.bulk._reconcile import Reconciler
from kombo_async.request import Request


def default_reconcilers() -> Mapping[type[Request[Any]], Reconciler]:
    """One for applications and candidates, new for each run since it keeps state."""
    applications = ApplicationReconciler()
    return {CreateApplication: applications, CreateCandidate: applications}
