"""The route to Kombo: through a proxy or not, and which certificates are trusted. Decided before anything is sent."""

from __future__ import annotations

import os
import ssl
from contextlib import suppress
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import attrs
import httpcore
import httpx

from kombo_async._http.network import Network
from kombo_async.errors import ConfigurationError
from kombo_async.options import is_loopback

PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")


@attrs.frozen
class Route:
    """How to connect to one host."""

    origin: httpcore.Origin
    proxy: httpx.Proxy | None = attrs.field(repr=False)
    """May contain a password."""
    tls: ssl.SSLContext | None
    this_machine: bool
    """Whether connections must not leave this machine, since `http://` can be read by anyone on the way."""

    @classmethod
    def to(cls, url: httpx.URL, *, this_machine: bool) -> Route:
        """The route to *url* by the environment's settings. Raises `ConfigurationError` if they cannot work."""
        proxy = proxy_to(url)
        by_tls = url.scheme == "https" or (proxy is not None and proxy.url.scheme == "https")
        origin = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=b"/").origin
        return cls(origin, proxy, _tls() if by_tls else None, this_machine)

    @property
    def _tls_layers(self) -> int:
        by_tls = self.proxy is not None and self.proxy.url.scheme == "https"
        return (self.origin.scheme == b"https") + by_tls

    def connection(self) -> tuple[Any, Network]:
        """A new connection, opened by its first request, and its network."""
        network = Network(tls_layers=self._tls_layers, proxied=self.proxy is not None, this_machine=self.this_machine)
        if self.proxy is None:
            made: Any = httpcore.AsyncHTTPConnection(self.origin, ssl_context=self.tls, network_backend=network)
            return made, network
        url = self.proxy.url
        settings: dict[str, Any] = {
            "proxy_url": httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            "proxy_auth": self.proxy.raw_auth,
            "ssl_context": self.tls,
            "max_connections": 1,
            "network_backend": network,
        }
        if url.scheme.startswith("socks"):
            return httpcore.AsyncSOCKSProxy(**settings), network
        if url.scheme == "https":
            settings["proxy_ssl_context"] = self.tls
        return httpcore.AsyncHTTPProxy(**settings), network


def _tls() -> ssl.SSLContext:
    """The trusted certificates: `SSL_CERT_FILE` or `SSL_CERT_DIR` if set, otherwise certifi's."""
    for name, is_there in (("SSL_CERT_FILE", Path.is_file), ("SSL_CERT_DIR", Path.is_dir)):
        path = os.environ.get(name)
        if path and not is_there(Path(path)):
            kind = "file" if name == "SSL_CERT_FILE" else "directory"
            raise ConfigurationError(f"{name}: there is no {kind} {path!r}; correct the variable, or unset it")
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        name = next((each for each in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(each)), "TLS")
        raise ConfigurationError(f"{name}: the certificates cannot be loaded ({error.strerror or error})") from error


def proxy_to(url: httpx.URL) -> httpx.Proxy | None:
    """The environment's proxy for *url*, as httpx and curl read it; never one for this machine itself."""
    if is_loopback(url.host):
        return None
    proxies = getproxies()
    for scheme in (url.scheme, "all"):
        if proxies.get(scheme):
            break
    else:
        return None
    if any(_goes_directly(url, entry) for entry in proxies.get("no", "").replace(",", " ").split()):
        return None
    return _checked(_variable(scheme), proxies[scheme])


def _variable(scheme: str) -> str:
    names = (f"{scheme}_proxy", f"{scheme}_proxy".upper())
    return next((name for name in names if os.environ.get(name)), f"the system's {scheme} proxy")


def _checked(variable: str, address: str) -> httpx.Proxy:
    """The proxy at *address*. Messages do not show it, since it may contain a password."""
    address = address if "://" in address else f"http://{address}"
    scheme = address.partition("://")[0].lower()
    if scheme not in PROXY_SCHEMES:
        hint = "; for a SOCKS proxy use socks5://" if scheme.startswith("socks") else ""
        raise ConfigurationError(
            f"{variable}: unknown proxy scheme {scheme}://: use {', '.join(PROXY_SCHEMES)}{hint}, or unset the variable"
        )
    if scheme.startswith("socks") and find_spec("socksio") is None:
        raise ConfigurationError(
            f"{variable}: {scheme}:// needs the package socksio: pip install 'httpx[socks]', or unset the variable"
        )
    proxy: httpx.Proxy | None = None
    with suppress(httpx.InvalidURL, ValueError):
        proxy = httpx.Proxy(address)
    if proxy is None or not proxy.url.host:
        raise ConfigurationError(f"{variable}: not a valid proxy address; write {scheme}://host:port") from None
    return proxy


def _goes_directly(url: httpx.URL, entry: str) -> bool:
    """Whether *entry* of `NO_PROXY` covers *url*: `*`, a domain with all below it, an address or a network,
    each with a port or without, or an origin such as `https://example.com`."""
    if entry == "*":
        return True
    scheme, separator, rest = entry.rpartition("://")
    if separator and scheme.lower() not in ("all", url.scheme):
        return False
    host = url.host.lower().rstrip(".")
    try:
        address = ip_address(host)
    except ValueError:
        address = None
    if address is not None:
        try:
            return address in ip_network(rest.strip("[]"), strict=False)
        except ValueError:
            pass
    try:
        parts = urlsplit(f"//{rest}")
        name, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if port is not None and port != (url.port or {"https": 443, "http": 80}[url.scheme]):
        return False
    if address is not None:
        return name == host
    domain = name.removeprefix("*").strip(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))
