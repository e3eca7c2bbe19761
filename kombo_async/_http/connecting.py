"""Resolve a host, and connect to the first of its addresses that answers."""

from __future__ import annotations

import errno
import socket
from ipaddress import ip_address

import anyio

from kombo_async._http.streams import Stream, connect_tcp

NEXT_ADDRESS_AFTER = 0.25
"""Seconds that an address gets before the next is tried in parallel (RFC 8305)."""


class NotThisMachine(OSError):
    """A name for this machine resolves to another one."""


async def connect(host: str, port: int, *, this_machine: bool) -> Stream:
    """A connection to *host*. Raises `OSError`: `socket.gaierror` if its name cannot be resolved."""
    addresses = await _addresses(host, port)
    if this_machine:
        addresses = [address for address in addresses if is_this_machine(address)]
        if not addresses:
            raise NotThisMachine(f"{host} resolves to another machine")
    if len(addresses) == 1:
        return await connect_tcp(addresses[0], port)
    return await _first_of(addresses, port)


def is_this_machine(address: str) -> bool:
    """Whether *address*, an IP address, is this machine's own."""
    parsed = ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback


async def _addresses(host: str, port: int) -> list[str]:
    try:
        return [str(ip_address(host))]
    except ValueError:
        pass
    found = await anyio.getaddrinfo(host, port, family=socket.AF_UNSPEC, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
    if not addresses:
        raise socket.gaierror(socket.EAI_NONAME, "no address")
    six, four = ([each for each in addresses if (":" in each) is wanted] for wanted in (True, False))
    first, second = (six, four) if ":" in addresses[0] else (four, six)
    mixed = [each for pair in zip(first, second, strict=False) for each in pair]
    return mixed + first[len(second) :] + second[len(first) :]


async def _first_of(addresses: list[str], port: int) -> Stream:
    """Try *addresses* in turn, each a little after the one before; once one connects, cancel the others."""
    found: list[Stream] = []
    errors: list[OSError] = []

    async def attempt(address: str, failed: anyio.Event) -> None:
        try:
            stream = await connect_tcp(address, port)
        except OSError as error:
            errors.append(error)
            failed.set()
            return
        if found:
            await stream.aclose()
        else:
            found.append(stream)
            attempts.cancel_scope.cancel()

    try:
        async with anyio.create_task_group() as attempts:
            for address in addresses:
                failed = anyio.Event()
                attempts.start_soon(attempt, address, failed)
                with anyio.move_on_after(NEXT_ADDRESS_AFTER):
                    await failed.wait()
    except BaseException:
        for stream in found:
            await stream.aclose()
        raise
    if found:
        return found[0]
    raise next((each for each in errors if each.errno in (errno.EMFILE, errno.ENFILE)), errors[0])
