"""What webhooks tell a mirror. Their fields may be missing or have the wrong type."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

import attrs

from kombo_async._codec.encode import check_header
from kombo_async._generated.events import (
    AiApplyDataChanged,
    DataChanged,
    Event,
    IntegrationCreated,
    IntegrationDeleted,
    IntegrationStateChanged,
    SyncFinished,
)
from kombo_async.errors import InvalidInput
from kombo_async.mirror._table import ENVIRONMENT

_logger = logging.getLogger("kombo_async.mirror")


@attrs.frozen(kw_only=True)
class News:
    """What a webhook says about an integration."""

    integration_id: str
    category: str | None = None
    """The kind of system, if the webhook says so."""
    models: frozenset[str] | None = None
    """The models that changed; None for any."""
    sync_began: datetime | None = None
    """When the sync started that has ended."""
    is_gone: bool = False
    """Whether the integration was deleted."""


def news_of(event: Event) -> News | None:
    """What *event* tells; None if it is nothing to a mirror, or names no integration."""
    match event:
        case DataChanged(data=data):
            models = _models(data.changed_models)
            return _news(data.integration_id, category=_text(data.integration_category), models=models)
        case SyncFinished(data=data):
            began: Any = data.sync_started_at
            known = began if isinstance(began, datetime) else None
            return _news(data.integration_id, category=_text(data.integration_category), sync_began=known)
        case IntegrationCreated(data=data):
            return _news(data.id, category=_text(data.category))
        case IntegrationStateChanged(data=data):
            return _news(data.integration_id)
        case IntegrationDeleted(data=data):
            return _news(data.id, is_gone=True)
        case AiApplyDataChanged():
            return News(integration_id=ENVIRONMENT)
        case _:
            return None


def _news(integration_id: object, **found: Any) -> News | None:
    try:
        known = check_header("integration_id", integration_id)
    except InvalidInput:
        known = ENVIRONMENT
    if known == ENVIRONMENT:
        _logger.warning("a webhook without a valid integration ID was ignored")
        return None
    return News(integration_id=known, **found)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _models(value: Any) -> frozenset[str] | None:
    names: set[str] = set()
    found: Any = value
    for each in found if isinstance(value, list) else [None]:
        name = getattr(each, "name", None)
        if not isinstance(name, str):
            return None
        names.add(name)
    return frozenset(names)
