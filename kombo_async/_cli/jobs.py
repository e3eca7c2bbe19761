"""Look up jobs by what people write for them: Kombo's ID, `remote:` and the connected system's ID, or the name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import attrs

from kombo_async._cli.shown import shown
from kombo_async._cli.texts import CellFault
from kombo_async.client import AsyncKomboClient

REMOTE = "remote:"


@attrs.define
class _JobList:
    """The jobs of an integration."""

    ids: set[str] = attrs.field(factory=set[str])
    by_name: dict[str, list[tuple[str, str]]] = attrs.field(factory=dict[str, list[tuple[str, str]]])
    """By case-folded name: ID and status."""
    names: dict[str, str] = attrs.field(factory=dict[str, str])


@attrs.define
class Jobs:
    """The jobs of each integration of an upload, read once."""

    _lists: dict[str | None, _JobList] = attrs.field(factory=dict[str | None, _JobList])

    async def read(self, kombo: AsyncKomboClient, integrations: Iterable[str | None]) -> None:
        """Read the lists of *integrations*. Raises `KomboError`."""
        for integration_id in integrations:
            view = kombo if integration_id is None else kombo.for_integration(integration_id)
            jobs = _JobList()
            async for job in view.ats.get_jobs(page_size=250).items():
                jobs.ids.add(job.id)
                if job.name:
                    jobs.by_name.setdefault(_folded(job.name), []).append((job.id, str(job.status or "")))
                    jobs.names[_folded(job.name)] = job.name
            self._lists[integration_id] = jobs

    def find(self, integration_id: str | None, cell: str) -> str:
        """The `job_id` for *cell*. Raises `CellFault`."""
        if cell.startswith(REMOTE):
            return cell
        jobs = self._lists.get(integration_id)
        if jobs is None or cell in jobs.ids:
            return cell
        named = jobs.by_name.get(_folded(cell), [])
        if len(named) > 1:
            several = ", ".join(f"{job_id} ({status.lower() or 'no status'})" for job_id, status in named[:5])
            raise CellFault("unclear_job", f"{len(named)} jobs are named {shown(cell)}: {several}; use the ID")
        if not named:
            raise CellFault("unknown_job", f"there is no job {shown(cell)}{self._near(jobs, cell)}")
        return named[0][0]

    def _near(self, jobs: _JobList, cell: str) -> str:
        close = difflib.get_close_matches(_folded(cell), list(jobs.names), n=2, cutoff=0.6)
        return f"; did you mean {' or '.join(repr(jobs.names[each]) for each in close)}?" if close else ""


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()
