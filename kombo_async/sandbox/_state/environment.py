"""The state of a Kombo environment. It answers no requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias, cast

from kombo_async.sandbox._state.clock import Clock, duration
from kombo_async.sandbox._state.derived import DERIVED
from kombo_async.sandbox._state.files import StoredFile
from kombo_async.sandbox._state.ids import make_id
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.integrations import Integration, Permission, Sync, SyncStatus
from kombo_async.sandbox._state.lagging_copy import LaggingCopy
from kombo_async.sandbox._state.refusals import Refusal
from kombo_async.sandbox._state.sizes import Sizes
from kombo_async.sandbox._state.state import open_state
from kombo_async.sandbox._state.store import Source, World
from kombo_async.sandbox._state.tools import Category, category_of

_COPY = "#copy"
FILE_URL_LIFETIME = 7 * 86_400
"""How many seconds the URL of an attachment works, like Kombo's."""
PLATFORM = "platform"
"""In place of an integration for operations without one."""


MakeSource: TypeAlias = Callable[[int, str, datetime, Sizes, str], Source]
"""Builds a source from the seed, the integration, the environment's creation time, the sizes and the category."""


class Environment:
    """Integrations with their records and files; the state may outlive the process."""

    def __init__(
        self,
        *,
        seed: int,
        sizes: Sizes,
        clock: Clock,
        path: Path | None,
        source: MakeSource,
        seed_file: Callable[[Record], bytes],
    ) -> None:
        self._state = open_state(path)
        self._make_source = source
        self._seed_file = seed_file
        self.seed: int = self._state.seed(seed)
        self.sizes: Sizes = self._state.sizes(sizes)
        self.clock = clock
        self.born: datetime = self._state.born(clock.now())
        """When the environment was set up."""
        self._integrations = {each.id: each for each in self._state.integrations(clock)}
        self._worlds: dict[str, World] = {}
        self._copies: dict[str, LaggingCopy] = {}
        self._lag = 0.0
        self._write_through = False

    @property
    def is_new(self) -> bool:
        """Whether the state has no integrations yet."""
        return not self._state.has_integrations

    @property
    def integrations(self) -> Mapping[str, Integration]:
        """The integrations, by ID."""
        return MappingProxyType({id: each for id, each in self._integrations.items() if not each.deleted})

    def __contains__(self, integration_id: object) -> bool:
        integration = self._integrations.get(cast("str", integration_id))
        return integration is not None and not integration.deleted

    def integration(self, id: str) -> Integration:
        """The integration with this ID. Raises `Refusal`, as Kombo would, if there is none."""
        integration = self._integrations.get(id)
        if integration is None or integration.deleted:
            raise Refusal(
                404,
                "PLATFORM.INTEGRATION_NOT_FOUND",
                f"There is no integration with the ID {id!r}.",
                title="Integration not found",
            )
        return integration

    def add_integration(
        self,
        id: str,
        *,
        category: Category | None = None,
        sync_pending: float | bool | None = None,
        calls: int | None = None,
        sync_status: SyncStatus = 409,
        active: bool = True,
        setup_complete: bool = True,
        qa_passed: bool = True,
        authenticated: bool = True,
        permissions: dict[str, Permission] | None = None,
        organization: str = "Acme GmbH",
        email: str | None = "admin@acme.example",
        origin_id: str | None = None,
    ) -> Integration:
        """Add an integration; see `Sandbox.add_integration`."""
        tool, _, rest = id.partition(":")
        if not tool or not rest or not id.isascii() or not id.isprintable():
            raise ValueError("id: must be <tool>:<id> in ASCII, such as lever:demo")
        if id in self._integrations and not self._integrations[id].deleted:
            raise ValueError(f"id: the integration {id!r} already exists")
        sync = Sync(clock=self.clock, status=sync_status)
        if calls is not None or sync_pending:
            seconds = sync_pending if isinstance(sync_pending, float | int) and sync_pending is not True else None
            sync.start(seconds=seconds, calls=calls)
        integration = Integration(
            id=id,
            tool=tool,
            category=category or category_of(tool),
            sync=sync,
            active=active,
            setup_complete=setup_complete,
            qa_passed=qa_passed,
            authenticated=authenticated,
            permissions=permissions if permissions is not None else {},
            organization=organization,
            email=email,
            origin_id=origin_id,
            created_at=self.clock.stamp(),
        )
        self._integrations[id] = integration
        self.save_integration(integration)
        return integration

    def save_integration(self, integration: Integration) -> None:
        """Store the changed state of an integration."""
        self._state.save_integration(integration)

    def world(self, integration_id: str | None = None) -> World:
        """All records of an integration; the platform's own if None."""
        id = integration_id or PLATFORM
        world = self._worlds.get(id)
        if world is None:
            world = self._worlds[id] = self._new_world(id)
        return world

    def _new_world(self, id: str, salt: str = "") -> World:
        integration = self._integrations.get(id)
        category = "" if integration is None else integration.category
        return World(
            id,
            clock=self.clock,
            seed=self.seed,
            born=self.born,
            state=self._state,
            source=self._make_source(self.seed, id, self.born, self.sizes, category),
            derived=DERIVED,
            salt=salt,
        )

    # Kombo's copy of the connected system, which the lists show

    def set_copy_lag(self, seconds: float, *, write_through: bool = False) -> None:
        """Delay changes in the copy by *seconds*; with *write_through*, except for results of actions."""
        self._lag = duration(seconds, "copy_lag")
        self._write_through = write_through
        for copy in self._copies.values():
            copy.world.watcher = None
        self._copies.clear()

    def copy(self, integration_id: str | None = None) -> World:
        """The records as Kombo's lists have them: those of `world`, or older ones if the copy lags."""
        if integration_id is None or not self._lag:
            return self.world(integration_id)
        copy = self._copies.get(integration_id)
        if copy is None:
            copy = self._copies[integration_id] = self._new_copy(integration_id)
        copy.catch_up(self.clock.time())
        return copy.copied

    def copies(self) -> Iterator[World]:
        """The lagging copies, brought up to date."""
        for id in list(self._copies):
            yield self.copy(id)

    def _new_copy(self, id: str) -> LaggingCopy:
        world = self.world(id)
        self._state.copy_records(id, f"{id}{_COPY}")
        copied = self._new_world(id, _COPY)
        return LaggingCopy(world, copied, self._lag, write_through=self._write_through)

    def keep_file(self, id: str, file: StoredFile) -> None:
        """Store the bytes of the attachment *id*."""
        self._state.save_file(id, file)

    def file(self, id: str) -> StoredFile | None:
        """The file of the attachment with this ID, as it came."""
        kept = self._state.file(id)
        if kept is not None:
            return kept
        for integration in self.integrations.values():
            if integration.category == "ATS":
                found = self.world(integration.id).table("ats_attachments").find(id)
                if found is not None and found.place < found.table.origin.count:
                    return StoredFile(found.data["file_name"], found.data["content_type"], self._seed_file(found.data))
        return None

    def file_url(self, root: str, id: str, *, same_for: int = 1) -> str:
        """The URL to download the attachment *id*; it works for a week, or up to *same_for* seconds longer."""
        expires = (int(self.clock.time()) // same_for + 1) * same_for + FILE_URL_LIFETIME
        return f"{root}/_sandbox/files/{id}/{self._file_token(id, expires)}"

    def file_url_expires(self, id: str, token: str) -> int | None:
        """When the URL of the attachment *id* with this *token* expires (seconds since 1970); None if it is wrong."""
        text = token.partition("-")[0]
        expires = int(text) if text.isdecimal() and text.isascii() and len(text) < 18 else 0
        return expires if token == self._file_token(id, expires) else None

    def _file_token(self, id: str, expires: int) -> str:
        return f"{expires}-{make_id(self.seed, 'file', id, expires)}"

    def clear(self) -> None:
        """Restore the initial records, without integrations."""
        self._state.clear()
        self._worlds.clear()
        self._copies.clear()
        self._integrations.clear()

    def commit(self) -> None:
        """Write what has changed."""
        self._state.commit()

    def close(self) -> None:
        """Write what has changed, and close the state."""
        self._state.close()
