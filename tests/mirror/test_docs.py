"""The blocks of the documentation that need PostgreSQL run against a server; tests/docs runs and types all others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import anyio
import pytest

pytest.importorskip("asyncpg")

from kombo_async.sandbox import GREENHOUSE, Sandbox
from tests.docs.pages import blocks
from tests.support.postgres_server import needs_postgres

DOCS = Path(__file__).parents[2] / "docs"
BLOCKS = [each for each in blocks("python") if each.page.name == "mirror.md" and "postgresql://" in each.text]


@needs_postgres
def test_the_blocks_for_postgres(postgres_address: str, capsys: pytest.CaptureFixture[str]) -> None:
    """They keep tables in a real database, and print the SQL of a migration."""
    assert len(BLOCKS) == 1
    text = re.sub(r"postgresql://[^\"]+", postgres_address, BLOCKS[0].text)
    names: dict[str, Any] = {"__name__": "docs"}
    exec(compile(text, BLOCKS[0].name, "exec", dont_inherit=True), names)
    anyio.run(_follow, names)
    assert 'CREATE TABLE IF NOT EXISTS "kombo"."employees"' in capsys.readouterr().out


async def _follow(names: dict[str, Any]) -> None:
    sandbox = Sandbox()
    async with sandbox.client(GREENHOUSE) as kombo:
        names["print_migration"](kombo)
        with anyio.move_on_after(2):
            await names["follow_in_postgres"](kombo)


@pytest.mark.parametrize("page", ["mirror.md", "webhooks.md", "fastapi-and-aiohttp.md"])
def test_links_lead_somewhere(page: str) -> None:
    """Each link to a file of the project names one that is there."""
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", (DOCS / page).read_text())
    assert [target for target in targets if not (DOCS / target).exists()] == []
