"""Errors of PostgreSQL in the mirror's words. asyncpg's own may quote the values that were written."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from kombo_async._lazy import missing_extra

try:
    import asyncpg  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs]
except ModuleNotFoundError as _error:
    raise missing_extra(_error, "postgres", "asyncpg") from None

from kombo_async.mirror._store import StoreUnavailable

driver: Any = asyncpg

TOO_LARGE: type[Exception] = driver.ProgramLimitExceededError
"""Raised if a text is too long for an index."""
_AWAY: tuple[type[Exception], ...] = (
    OSError,  # and TimeoutError
    driver.PostgresConnectionError,
    driver.OperatorInterventionError,
    driver.InsufficientResourcesError,
    driver.ReadOnlySQLTransactionError,
    driver.InterfaceError,
)
_SAFE: tuple[type[Exception], ...] = (
    driver.SyntaxOrAccessError,
    driver.InvalidAuthorizationSpecificationError,
    driver.InvalidCatalogNameError,
    driver.InvalidSchemaNameError,
)
"""Their messages name tables, columns and roles, and no values."""
_HINTS: dict[type[Exception], str] = {
    driver.InsufficientPrivilegeError: "grant it to the app's role, as docs/mirror.md says",
    driver.UndefinedTableError: "a table was renamed or dropped; restore it, or restart the process to create it",
    driver.UndefinedColumnError: "a column was renamed or dropped; restore it, or restart the process to create it",
}


@contextmanager
def translated(schema: str) -> Generator[None]:
    """Raise errors of asyncpg as `StoreUnavailable` or as a `RuntimeError` that says what to do."""
    try:
        yield
    except driver.exceptions.ClientConfigurationError:  # a mistake in the address or the settings
        raise
    except _AWAY as error:
        raise StoreUnavailable(f"PostgreSQL is not available: {_why(error)}") from None
    except driver.PostgresError as error:
        raise RuntimeError(f"PostgreSQL refused (schema {schema!r}): {_refusal(error)}") from None


def _why(error: Exception) -> str:
    if isinstance(error, driver.InterfaceError):
        return "the connection is closed"
    if isinstance(error, driver.PostgresError | OSError):
        return str(error).partition("\n")[0] or type(error).__name__
    return type(error).__name__


def _refusal(error: Any) -> str:
    if isinstance(error, _SAFE):
        hint = next((text for kind, text in _HINTS.items() if isinstance(error, kind)), None)
        return f"{error.args[0]} ({hint})" if hint else str(error.args[0])
    where = ".".join(each for each in (error.table_name, error.column_name or error.constraint_name) if each)
    return f"{type(error).__name__}{f' in {where}' if where else ''}"
