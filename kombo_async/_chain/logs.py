"""One line per call, in the standard library's `logging`, under `kombo_async`.

It has the operation, the integration, the status, the code, the attempts and the milliseconds:
never a key, a header's value, a query or a body. httpx also logs each request with its whole URL. For our requests
that line is dropped, since a query can contain an e-mail address.
"""

from __future__ import annotations

import logging
import time
from contextvars import ContextVar
from typing import Any

from kombo_async._codec.codes import printable
from kombo_async.errors import KomboError, NoResponse
from kombo_async.middleware import Call, Next
from kombo_async.response import Response, Success

logger: logging.Logger = logging.getLogger("kombo_async")


async def logs(call: Call, call_next: Next) -> Response[Any]:
    """Answer *call*, and log how it went: successes at INFO, failures at WARNING."""
    start = time.perf_counter()
    try:
        response = await call_next(call)
    except NoResponse as error:
        _log(call, start, logging.WARNING, type(error).__name__, error)
        raise
    except BaseException as error:
        logger.debug("%s %s cancelled: %s", call.operation.id, call.integration_id or "-", type(error).__name__)
        raise
    if isinstance(response, Success):
        if logger.isEnabledFor(logging.INFO):
            _log(
                call,
                start,
                logging.INFO,
                str(response.status_code),
                None,
                response.attempts,
                len(response.drift) + response.more_drift,
            )
    else:
        code = printable(response.code) or type(response).__name__
        _log(call, start, logging.WARNING, f"{response.status_code} {code}", response)
    return response


def _log(
    call: Call, start: float, level: int, outcome: str, error: KomboError | None, attempts: int = 1, drift: int = 0
) -> None:
    logger.log(
        level,
        "%s %s %s attempt=%d ms=%.0f%s%s",
        call.operation.id,
        call.integration_id or "-",
        outcome,
        error.attempts if error else attempts,
        (time.perf_counter() - start) * 1000,
        f" drift={drift}" if drift else "",
        " may_have_applied" if error and error.may_have_applied else "",
    )


_ours = ContextVar("_ours", default=False)


class quiet:
    """While this is entered, the HTTP library logs nothing about requests: its lines hold the whole URL.

    They are dropped, not edited, so a new format in a later release cannot leak. Our own line says what happened.
    """

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token = _ours.set(True)

    def __exit__(self, *exc_info: object) -> None:
        _ours.reset(self._token)


def _is_not_ours(_: logging.LogRecord) -> bool:
    return not _ours.get()


def drop_lines_of(library: str) -> None:
    """Make `quiet` work for the logger named *library*."""
    logging.getLogger(library).addFilter(_is_not_ours)
