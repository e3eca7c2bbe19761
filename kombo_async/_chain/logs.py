"""One line a call, in the standard library's `logging`, under `kombo_async`.

It has the operation, the integration, the status, the code, the attempts and the milliseconds:
never a key, a value of a header, a query or a body. A client of the caller's logs its requests, too, with the whole
URL; a filter takes the query from it where the request is ours, since a query can hold an e-mail address.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

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
        logger.debug("%s %s broken off: %s", call.operation.id, call.integration_id or "-", type(error).__name__)
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


_quiet = ContextVar("_quiet", default=False)


@contextmanager
def quiet() -> Generator[None]:
    """While this is entered, URLs that the HTTP library logs lose their queries."""
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


def _without_queries(record: logging.LogRecord) -> bool:
    if _quiet.get() and isinstance(record.args, tuple):
        args = cast("tuple[Any, ...]", record.args)
        record.args = tuple(arg.copy_with(query=None) if hasattr(arg, "copy_with") else arg for arg in args)
    return True


def keep_queries_from(library: str) -> None:
    """Make `quiet` work for the logger named *library*."""
    logging.getLogger(library).addFilter(_without_queries)
