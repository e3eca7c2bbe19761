"""One Redis client per address for all journals of a process."""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

from redis.asyncio import BlockingConnectionPool, Redis

CONNECTIONS = 20
"""The most connections per client: commands of many rows share one, so this is for many concurrent journals."""

REPLY_TIMEOUT = 15.0
"""Seconds to wait for a reply, if the address sets no `socket_timeout`: a busy event loop may be late to read it."""

_CLIENTS: WeakKeyDictionary[Any, dict[str, list[Any]]] = WeakKeyDictionary()
"""By event loop and address: the client, and how many journals use it."""


def take_client(address: str) -> Any:
    """The client for *address*; give it back after use."""
    clients = _CLIENTS.setdefault(asyncio.get_running_loop(), {})
    if address not in clients:
        pool: Any = BlockingConnectionPool
        client = Redis.from_pool(
            pool.from_url(address, max_connections=CONNECTIONS, timeout=30, socket_timeout=REPLY_TIMEOUT)
        )
        clients[address] = [client, 0]
    clients[address][1] += 1
    return clients[address][0]


async def give_back(address: str) -> None:
    """Close the client for *address* when nobody uses it any more."""
    clients = _CLIENTS.get(asyncio.get_running_loop(), {})
    if address not in clients:
        return
    clients[address][1] -= 1
    if not clients[address][1]:
        await clients.pop(address)[0].aclose()
