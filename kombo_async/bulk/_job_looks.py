"""Search a job's applications once for all rows that are in doubt at the time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import anyio
import anyio.lowlevel
import attrs

from kombo_async.bulk._people import without_tag
from kombo_async.bulk._records import REMOTE, Record, Wanted

if TYPE_CHECKING:
    from kombo_async.client import AsyncKomboClient


@attrs.define(eq=False)
class _Pass:
    """One pass through the list, for those who asked before it started."""

    asked: list[Wanted] = attrs.field(factory=list[Wanted])
    since: datetime | None = None
    """The earliest time that any of them asked for; None for everything."""
    everything: bool = False
    found: Mapping[Wanted, list[Record]] = attrs.field(factory=dict[Wanted, list[Record]])
    error: Exception | None = None
    done: anyio.Event = attrs.field(factory=anyio.Event)

    def add(self, wanted: Wanted, since: datetime | None) -> None:
        self.asked.append(wanted)
        self.everything |= since is None
        if since is not None and (self.since is None or since < self.since):
            self.since = since


class JobLooks:
    """Reads the applications of jobs: each pass serves everyone who has asked by the time it starts.

    Passes for different jobs and integrations do not wait for each other.
    """

    def __init__(self) -> None:
        self._next: dict[tuple[str | None, str], _Pass] = {}
        self._turns: WeakValueDictionary[tuple[str | None, str], anyio.Lock] = WeakValueDictionary()
        """One lock per job, as long as somebody reads its list: a run may meet any number of jobs."""

    async def look(
        self, kombo: AsyncKomboClient, integration_id: str | None, wanted: Wanted, since: datetime | None
    ) -> list[Record]:
        """The job's applications changed since *since* that may match.

        Raises `KomboError` if not all pages could be read.
        """
        place = integration_id, wanted.job_id
        walk = self._next.get(place)
        leads = walk is None
        if walk is None:
            walk = self._next[place] = _Pass()
        walk.add(wanted, since)
        if leads:
            await self._lead(kombo, place, walk)
        else:
            await walk.done.wait()
        if walk.error is not None:
            raise walk.error
        return walk.found.get(wanted, [])

    async def _lead(self, kombo: AsyncKomboClient, place: tuple[str | None, str], walk: _Pass) -> None:
        turn = self._turns.setdefault(place, anyio.Lock())
        try:
            async with turn:
                await anyio.lowlevel.checkpoint()  # tasks about to ask join the pass
                del self._next[place]
                walk.found = await _walk(kombo, place[1], walk)
        except Exception as error:  # everyone who asked raises it
            walk.error = error
        except BaseException:
            walk.error = RuntimeError("the search was interrupted")
            raise
        finally:
            if self._next.get(place) is walk:
                del self._next[place]
            walk.done.set()


async def _walk(kombo: AsyncKomboClient, job_id: str, walk: _Pass) -> Mapping[Wanted, list[Record]]:
    by_email, by_names = defaultdict[str, list[Wanted]](list), defaultdict[tuple[str, str], list[Wanted]](list)
    for wanted in set(walk.asked):
        by_email[wanted.tagless].append(wanted)
        by_names[wanted.names].append(wanted)
    found = defaultdict[Wanted, list[Record]](list)
    job: dict[str, Any] = (
        {"job_remote_ids": [job_id.removeprefix(REMOTE)]} if job_id.startswith(REMOTE) else {"job_ids": [job_id]}
    )
    changed: dict[str, Any] = {} if walk.everything else {"updated_after": walk.since}
    pages = kombo.ats.get_applications(**job, include_deleted=True, page_size=250, **changed).items()
    async with aclosing(pages) as applications:
        async for application in applications:
            record = Record.of_application(application, job_id)
            if record.is_for_job is False:
                continue
            for wanted in _concerned(record, by_email, by_names, walk.asked):
                found[wanted].append(record)
    return found


def _concerned(
    record: Record,
    by_email: Mapping[str, list[Wanted]],
    by_names: Mapping[tuple[str, str], list[Wanted]],
    asked: list[Wanted],
) -> set[Wanted]:
    """Those whose record it may be."""
    if record.is_nameless:
        return set(asked)
    concerned = set(by_names.get(record.names, ()))
    for email in record.emails:
        concerned.update(by_email.get(without_tag(email), ()))
    return concerned
