"""Which host names the sandbox accepts, so that no web page can make a local browser talk to it.

Otherwise a site whose name suddenly resolves to 127.0.0.1 (DNS rebinding) could reach it, and its key is well known.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address

# Names that no public site can have (RFC 6761), and Kombo's own, which in-process clients may use.
_SUFFIXES = (".localhost", ".test", ".example", ".invalid")
_HOST = re.compile(r"(?:\[(?P<ip>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::\d+)?")
_NAMES = frozenset({"localhost", "testserver", "test", "api.kombo.dev", "api.us.kombo.dev", "api.ca.kombo.dev"})


def name_of(host: str) -> str:
    """The name in a `Host` header, without the port; empty if it is invalid."""
    found = _HOST.fullmatch(host.strip().lower())
    return (found["ip"] or found["name"]).rstrip(".") if found else ""


@lru_cache(maxsize=1_000)
def is_local(host: str, allowed: tuple[str, ...] = ()) -> bool:
    """Whether this `Host` header can only mean a sandbox on this machine, or one of the *allowed* names."""
    name = name_of(host)
    if name in _NAMES or name.endswith(_SUFFIXES) or name in {each.lower() for each in allowed}:
        return True
    return is_loopback(name)


def is_loopback(name: str) -> bool:
    """Whether *name* is this machine, by its own name or address."""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
