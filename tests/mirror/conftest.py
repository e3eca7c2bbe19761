"""What the tests of the mirror share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.mirror.stores import Place, postgres_address
from tests.support.postgres_server import needs_postgres

__all__ = ["postgres_address"]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=needs_postgres)])
def place(request: pytest.FixtureRequest, tmp_path: Path, anyio_backend: Any) -> Place:
    """A place for stores: a SQLite file, or a schema in PostgreSQL, which is for asyncio alone."""
    if request.param == "sqlite":
        return Place("sqlite", tmp_path, None)
    if anyio_backend[0] != "asyncio":
        pytest.skip("asyncpg is for asyncio alone")
    return Place("postgres", tmp_path, request.getfixturevalue("postgres_address"))
