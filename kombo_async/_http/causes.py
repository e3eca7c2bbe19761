"""Why no response came, in words that hold no secret: no key, no query, no body."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterator
from typing import cast

from kombo_async._http.connecting import NotThisMachine

_BY_NUMBER = {
    errno.ECONNREFUSED: "connection refused",
    errno.ENETUNREACH: "the network is unreachable",
    errno.EHOSTUNREACH: "the host is unreachable",
    errno.ENETDOWN: "the network is down",
    errno.EADDRNOTAVAIL: "no local port or address is left",
    errno.ETIMEDOUT: "the network timed out",
    errno.EMFILE: "no file handles left in this process",
    errno.ENFILE: "no file handles left on this machine",
    errno.ECONNRESET: "the connection was reset",
    errno.EPIPE: "the connection was closed",
    errno.ECONNABORTED: "the connection was aborted",
    errno.EACCES: "this machine does not allow the connection",
    errno.EPERM: "this machine does not allow the connection",
}
_NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE", "INVALID_RECORD")

_BY_NAME = {
    "ConnectTimeout": "no connection in time",
    "PoolTimeout": "no free connection in time",
    "WriteTimeout": "the request could not be sent in time",
    "ReadTimeout": "no response in time",
    "UnsupportedProtocol": "the URL has an unknown scheme",
    "InvalidURL": "the response redirects to something that is not a URL",
    "LocalProtocolError": "the request is not valid HTTP",
    "RemoteProtocolError": "the response is not valid HTTP",
    "ConnectError": "no connection could be made",
    "ReadError": "the connection broke before the response was complete",
    "WriteError": "the connection broke while the request was being sent",
    "CloseError": "the connection broke while it was being closed",
    "DecodingError": "the response's content encoding is corrupt",
    "ProxyError": "the proxy refused",
}


NEVER_CONNECTED = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol"})
"""Exceptions of httpx, and of httpcore under the same names, that are raised before a request is sent."""

HTTP_LIBRARIES = frozenset({"httpx", "httpx2", "httpcore", "httpcore2", "h11", "h2", "aiohttp"})


def is_of_http(error: Exception) -> bool:
    """Whether *error* comes from an HTTP library. Not all transports translate all their errors to httpx's."""
    return any(cls.__module__.partition(".")[0] in HTTP_LIBRARIES for cls in type(error).__mro__)


def never_connected(error: BaseException) -> bool:
    """Whether *error* from a transport that is not ours says that no connection was made.

    Some transports use these names for other failures, too; their cause then comes from a library other than httpcore.
    """
    if type(error).__name__ not in NEVER_CONNECTED:
        return False
    cause = error.__cause__
    if cause is None:
        return True
    library = type(cause).__module__.partition(".")[0]
    if library == "respx":  # it raises what a test told it to
        return True
    return library in ("httpcore", "httpcore2") and type(cause).__name__ in NEVER_CONNECTED


def chain(error: BaseException) -> Iterator[BaseException]:
    """*error* and what led to it, the members of groups too."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        if isinstance(each, BaseExceptionGroup):
            waiting += cast("BaseExceptionGroup[BaseException]", each).exceptions
        waiting += [led for led in (each.__cause__, each.__context__) if led is not None]


def origin_of(error: BaseException) -> OSError | None:
    """The error from the system or TLS that led to *error*, if any."""
    found = [each for each in chain(error) if isinstance(each, OSError)]
    telling = [each for each in found if isinstance(each, ssl.SSLError | socket.gaierror) or each.errno]
    return next(iter([*telling, *found]), None)


def why(error: BaseException, host: str = "") -> str:
    """Why *error* happened; *host* is the name to resolve."""
    names = [cls.__name__ for cls in type(error).__mro__]
    origin = origin_of(error)
    if origin is not None:
        words = _of_system(origin, "" if "ProxyError" in names else host)
        if words and "ProxyError" in names:
            return f"the proxy cannot be reached: {words}"
        if words:
            return words
    if "ProxyError" in names:
        status = re.match(r"(\d\d\d)\b", str(error))
        return f"the proxy answered {status[1]}" if status else "the proxy refused the connection"
    if "RemoteProtocolError" in names and re.search("disconnected|closed connection|incomplete", str(error)):
        return "the connection was closed before the response was complete"
    return next((_BY_NAME[name] for name in names if name in _BY_NAME), type(error).__name__)


def _of_system(error: OSError, host: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message.rstrip('.') or 'no reason given'}"
    if isinstance(error, ssl.SSLError):
        reason = error.reason or ""
        if reason in _NOT_TLS:
            return "the server does not speak TLS"
        return f"TLS failed: {reason.lower().replace('_', ' ') or 'the connection was closed'}"
    if isinstance(error, socket.gaierror):
        return f"the name {host} could not be resolved" if host else "the name could not be resolved"
    if isinstance(error, NotThisMachine):
        return str(error)
    if isinstance(error, ConnectionAbortedError) and error.errno is None:
        return "the connection was closed during the TLS handshake"
    return _BY_NUMBER.get(error.errno or 0, "") or (error.strerror or "" if error.errno else "")


def cause_of(error: Exception) -> BaseException:
    """The cause of *error* to chain: it holds no key, query or body, nor frames that do.

    That is the error from the system or TLS. Without one, it is an exception of the same kind in our words, since
    messages of HTTP libraries can quote what was sent, and their exceptions hold the request.
    """
    origin = origin_of(error)
    if origin is not None and not origin.filename and type(origin).__module__ in ("builtins", "socket", "ssl"):
        origin.__cause__ = origin.__context__ = None
        return origin.with_traceback(None)
    words = why(error)
    for cls in type(error).__mro__:
        if cls.__module__.partition(".")[0] in ("httpx", "httpx2") and cls.__name__ in _BY_NAME:
            return cast("BaseException", cls(words))
    return ConnectionError(words)
