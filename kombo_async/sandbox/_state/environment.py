"""An environment of Kombo's: what is kept of it. Nothing here answers anybody."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias, cast

from kombo_async.sandbox._state.clock import Clock
from kombo_async.sandbox._state.dependents import dependents
from kombo_async.sandbox._state.files import StoredFile
from kombo_async.sandbox._state.ids import make_id
from kombo_async.sandbox._state.integrations import Integration, Permission, Sync, SyncStatus
from kombo_async.sandbox._state.refusals import Refusal
from kombo_async.sandbox._state.sizes import Sizes
from kombo_async.sandbox._state.state import State, open_state
from kombo_async.sandbox._state.store import World, copied
from kombo_async.sandbox._state.tools import Category, category_of

PLATFORM = "platform"
"""Stands for the integration where an operation is not about one."""

Fill: TypeAlias = Callable[[World, str, Sizes], None]
"""Fills a table with the records that are there from the start."""


class Environment:
    """Integrations with their records and files, in a state that may outlive the process."""

    def __init__(self, *, seed: int, sizes: Sizes, clock: Clock, fill: Fill, path: Path | None) -> None:
        self._state = open_state(path)
        self._fill = fill
        self.seed: int = self._state.seed(seed)
        self.sizes: Sizes = self._state.sizes(sizes)
        self.clock = clock
        self.born: datetime = self._state.born(clock.now())
        """When the environment was set up."""
        self._integrations = {each.id: each for each in self._state.integrations(clock)}
        self._worlds: dict[str, World] = {}

    @property
    def is_new(self) -> bool:
        """Whether the state holds no integrations yet."""
        return not self._state.has_integrations

    @property
    def integrations(self) -> Mapping[str, Integration]:
        """The integrations, by ID."""
        return MappingProxyType({id: each for id, each in self._integrations.items() if not each.deleted})

    def __contains__(self, integration_id: object) -> bool:
        integration = self._integrations.get(cast("str", integration_id))
        return integration is not None and not integration.deleted

    def integration(self, id: str) -> Integration:
        """The integration with this ID. Raises `Refusal` as Kombo answers if there is none."""
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
        if not tool or not rest:
            raise ValueError("id: must be <tool>:<id>, such as lever:demo")
        if id in self._integrations and not self._integrations[id].deleted:
            raise ValueError(f"id: there is an integration {id!r} already")
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
        """Keep a changed state of an integration."""
        self._state.save_integration(integration)

    def world(self, integration_id: str | None = None) -> World:
        """All records of an integration; the platform's own if None."""
        id = integration_id or PLATFORM
        world = self._worlds.get(id)
        if world is None:
            make = partial(World, id, clock=self.clock, seed=self.seed, born=self.born, dependents=dependents)
            untouched = make(state=self._untouched, fill=partial(self._fill_table))
            world = self._worlds[id] = make(state=self._state, fill=copied(untouched))
        return world

    def _fill_table(self, world: World, name: str) -> None:
        self._fill(world, name, self.sizes)

    @cached_property
    def _untouched(self) -> State:
        """The records from the start, of all integrations."""
        return open_state(None)

    def keep_file(self, id: str, file: StoredFile) -> None:
        """Keep the bytes of the attachment *id*."""
        self._state.save_file(id, file)

    def file(self, id: str) -> StoredFile | None:
        """The file of the attachment with this ID, as it came."""
        return self._state.file(id)

    def file_url(self, root: str, id: str) -> str:
        """The address under which the bytes of the attachment *id* can be had."""
        return f"{root}/_sandbox/files/{id}/{make_id(self.seed, 'file', id)}"

    def clear(self) -> None:
        """Go back to the records from the start, without any integration."""
        self._state.clear()
        self._worlds.clear()
        self._integrations.clear()

    def commit(self) -> None:
        """Write what has changed."""
        self._state.commit()

    def close(self) -> None:
        """Write what has changed, and close the state."""
        self._state.close()
