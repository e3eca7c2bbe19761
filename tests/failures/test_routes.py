"""The route to Kombo: proxies, certificates, names; and the messages when there is none."""

from __future__ import annotations

import errno
import logging
import socket
import ssl
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import httpx
import pytest

from kombo_async import (
    AsyncKomboClient,
    ConfigurationError,
    ConnectionFailed,
    NoResponse,
    RetryPolicy,
    Success,
    TimedOut,
)
from kombo_async._http import connecting, streams
from kombo_async._http.route import proxy_to
from tests.support.calls import CREATE, READ, client, until
from tests.support.certificates import Authority
from tests.support.fault_server import Exchange, FaultServer, succeed
from tests.support.proxies import Proxy
from tests.support.wire import API_KEY, INTEGRATION

pytestmark = pytest.mark.anyio

ONCE = RetryPolicy.none()


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def secure(authority: Authority) -> Iterator[FaultServer]:
    """A server that is well and speaks TLS, for the names `localhost` and `kombo.invalid`."""
    with FaultServer(tls=authority.server("localhost", "kombo.invalid")) as running:
        yield running


def far_client(url: str = "https://kombo.invalid/v1", **settings: Any) -> AsyncKomboClient:
    return AsyncKomboClient(API_KEY, integration_id=INTEGRATION, base_url=url, **{"retry": ONCE, **settings})


async def failure_of(kombo: AsyncKomboClient, request: Any = CREATE, **options: Any) -> NoResponse:
    """How a call fails without a response; neither it nor its causes contain the key or a body."""
    async with kombo:
        with pytest.raises(NoResponse) as caught:
            await kombo.send(request, **options)
    text = "".join(traceback.format_exception(caught.value))
    assert caught.value.__cause__ is not None or isinstance(caught.value, TimedOut), text
    for secret in (API_KEY, "frank@example.com"):
        assert secret not in text
        assert secret not in repr(caught.value.__cause__)
    return caught.value


def never_sent(failure: NoResponse) -> bool:
    return (failure.sent, failure.may_have_applied) == (False, False)


# ---------------------------------------------------------------------- certificates


async def test_trusted_by_a_file(secure: FaultServer, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """`SSL_CERT_FILE` names who is trusted; a connection by TLS is kept as any other is."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    async with client(secure) as kombo:
        for _ in range(3):
            assert isinstance(await kombo.send(CREATE), Success)
    assert secure.connections == 1


async def test_unknown_authority(secure: FaultServer) -> None:
    """An untrusted certificate is reported, and nothing was sent."""
    failure = await failure_of(client(secure, retry=ONCE))
    assert "failed: certificate verify failed: unable to get local issuer certificate" in str(failure)
    assert isinstance(failure.__cause__, ssl.SSLCertVerificationError)
    assert never_sent(failure)
    await until(lambda: not secure.open)


async def test_other_name(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate for another host is reported with the failed check."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with FaultServer(tls=authority.server("elsewhere.invalid")) as server:
        failure = await failure_of(client(server, retry=ONCE))
    assert "certificate verify failed: Hostname mismatch" in str(failure)
    assert never_sent(failure)


async def test_not_tls() -> None:
    """A server that does not speak TLS is reported as such."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)

    async def greet(stream: Any) -> None:
        async with stream:
            await stream.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with listener, anyio.create_task_group() as serving:
        serving.start_soon(listener.serve, greet)
        failure = await failure_of(far_client(f"https://127.0.0.1:{port}/v1"))
        serving.cancel_scope.cancel()
    assert "failed: the server does not speak TLS" in str(failure)
    assert never_sent(failure)


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
@pytest.mark.parametrize("broken", ["missing", "garbage"])
async def test_certificates_that_cannot_be_loaded(
    name: str, broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing file of certificates is an error of configuration when the client is opened, by name."""
    path = tmp_path / "authorities"
    if broken == "garbage":
        if name == "SSL_CERT_DIR":
            pytest.skip("any directory will do")
        path.write_text("this is not a certificate")
    monkeypatch.setenv(name, str(path))
    kombo = far_client()
    with pytest.raises(ConfigurationError, match=name):
        await kombo.__aenter__()
    with pytest.raises(ConfigurationError, match=name):
        await kombo.send(CREATE)


# ---------------------------------------------------------------------- proxies


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("kind", ["http", "https", "socks"])
async def test_through_a_proxy(
    secure: FaultServer, authority: Authority, kind: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls go through the proxy that the environment names, HTTP by TLS or not, or SOCKS; the connection is kept."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    tls = authority.server("localhost") if kind == "https" else None
    with Proxy(secure.port, socks=kind == "socks", tls=tls) as proxy:
        monkeypatch.setenv(name, proxy.url)
        async with far_client() as kombo:
            for _ in range(3):
                assert isinstance(await kombo.send(CREATE), Success)
    assert proxy.asked == ["kombo.invalid:443"]
    assert secure.connections == 1


@pytest.mark.parametrize("socks", [False, True], ids=["http", "socks"])
async def test_credentials_for_a_proxy(
    secure: FaultServer, authority: Authority, socks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """User and password of a proxy's URL are used."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with Proxy(secure.port, socks=socks, user="user:marker-of-a-password@") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with far_client() as kombo:
            assert isinstance(await kombo.send(CREATE), Success)


@pytest.mark.parametrize("kind", ["http", "https", "socks"])
async def test_lost_answer_through_a_proxy(
    secure: FaultServer, authority: Authority, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through a proxy, too, a create whose answer is lost is one POST, and may have been applied."""

    async def cut(exchange: Exchange) -> None:
        exchange.perform()
        exchange.cut()

    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    tls = authority.server("localhost") if kind == "https" else None
    with Proxy(secure.port, socks=kind == "socks", tls=tls) as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        for steps in ((cut,), (succeed, cut)):
            secure.default, first = steps[-1], steps[0]
            before = secure.performed.total()
            async with far_client(retry=RetryPolicy(attempts=4, initial_delay=0.001)) as kombo:
                if first is succeed:
                    secure.default = succeed
                    await kombo.send(CREATE)
                    secure.default = cut
                with pytest.raises(ConnectionFailed) as caught:
                    await kombo.send(CREATE)
            assert caught.value.may_have_applied
            assert secure.performed.total() - before == len(steps)


@pytest.mark.parametrize("status", [403, 407, 502])
async def test_proxy_that_refuses(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy's refusal is reported; nothing was sent, so every call may be tried again."""
    with Proxy(9, status=status) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        failure = await failure_of(far_client(retry=RetryPolicy(attempts=2, initial_delay=0)))
    assert f"failed: the proxy answered {status}" in str(failure)
    assert failure.attempts == len(proxy.asked) == 2
    assert never_sent(failure)


async def test_socks_proxy_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A SOCKS proxy's refusal is reported, too."""
    with Proxy(9, socks=True, status=500) as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        failure = await failure_of(far_client())
    assert "failed: the proxy refused the connection" in str(failure)
    assert never_sent(failure)


async def test_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unreachable proxy is reported as the proxy, not as Kombo."""
    monkeypatch.setenv("HTTPS_PROXY", "http://user:marker-of-a-password@127.0.0.1:9")
    failure = await failure_of(far_client())
    assert "failed: the proxy cannot be reached: connection refused" in str(failure)
    assert "marker" not in str(failure)
    assert never_sent(failure)


async def test_proxy_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy gets the time to connect, not the time of an action."""
    with Proxy(9, silent=True) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with anyio.fail_after(5):
            failure = await failure_of(far_client(timeout=0.2), timeout=60)
    assert isinstance(failure, TimedOut)
    assert never_sent(failure)


async def test_loopback_never_goes_to_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests to this machine never leave it, whatever the environment says."""
    with FaultServer() as server, Proxy(server.port) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        for host in ("127.0.0.1", "localhost", "127.1.2.3", "[::ffff:127.0.0.1]"):
            async with client(server, base_url=f"http://{host}:{server.port}/v1", retry=ONCE) as kombo:
                try:
                    await kombo.send(READ)
                except ConnectionFailed:
                    assert host in ("127.1.2.3", "[::ffff:127.0.0.1]")
    assert proxy.asked == []


@pytest.mark.parametrize("number", range(2))
async def test_localhost_that_leads_elsewhere(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """`http://localhost` is taken for this machine, and so nothing is sent if its name leads to another one."""

    async def elsewhere(host: str, port: int, **_: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", port))]

    monkeypatch.setattr(anyio, "getaddrinfo", elsewhere)
    url = ("http://localhost:9/v1", "http://kombo.localhost:9/v1")[number]
    failure = await failure_of(far_client(url))
    assert "resolves to another machine" in str(failure)
    assert never_sent(failure)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("ALL_PROXY", "socks://127.0.0.1:9", "use socks5://"),
        ("HTTPS_PROXY", "ftp://127.0.0.1:9", "unknown proxy scheme ftp://"),
        ("https_proxy", "http://", "not a valid proxy address"),
        ("HTTPS_PROXY", "http://user:marker-of-a-password@host:port", "not a valid proxy address"),
        ("HTTPS_PROXY", "socks4://marker-of-a-password@host:1", "unknown proxy scheme socks4://"),
    ],
)
async def test_proxies_that_cannot_be_used(name: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unusable proxies raise `ConfigurationError` on opening, which names the variable and shows no password."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=says) as caught:
        await far_client().__aenter__()
    assert str(caught.value).startswith(f"{name}: ")
    assert "marker" not in "".join(traceback.format_exception(caught.value))


async def test_socks_without_socksio(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening the client says what a SOCKS proxy needs."""
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    monkeypatch.setattr("kombo_async._http.route.find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match=r"ALL_PROXY: socks5:// needs .*pip install 'httpx\[socks\]'"):
        await far_client().__aenter__()


@pytest.mark.parametrize(
    ("url", "no_proxy", "direct"),
    [
        ("https://api.kombo.dev", "*", True),
        ("https://api.kombo.dev", "other.dev, *", True),
        ("https://api.kombo.dev", "kombo.dev", True),
        ("https://api.kombo.dev", ".kombo.dev", True),
        ("https://api.kombo.dev", "*.kombo.dev", True),
        ("https://api.kombo.dev", "API.Kombo.DEV", True),
        ("https://api.kombo.dev", "api.kombo.dev.", True),
        ("https://api.kombo.dev", "ombo.dev", False),
        ("https://api.kombo.dev", "us.api.kombo.dev", False),
        ("https://api.kombo.dev", "dev.kombo.api", False),
        ("https://api.kombo.dev", "kombo.dev:443", True),
        ("https://api.kombo.dev", "kombo.dev:8443", False),
        ("https://api.kombo.dev:8443", "kombo.dev:8443", True),
        ("https://api.kombo.dev", "https://api.kombo.dev", True),
        ("https://api.kombo.dev", "http://api.kombo.dev", False),
        ("https://api.kombo.dev", "all://api.kombo.dev", True),
        ("https://api.kombo.dev", "a.dev b.dev  kombo.dev", True),
        ("https://api.kombo.dev", "10.0.0.0/8", False),
        ("https://api.kombo.dev", "", False),
        ("https://10.1.2.3", "10.0.0.0/8", True),
        ("https://10.1.2.3", "10.1.2.3", True),
        ("https://10.1.2.3", "10.1.2.3:443", True),
        ("https://10.1.2.3", "10.1.2.3:80", False),
        ("https://10.1.2.3", "11.0.0.0/8,12.0.0.0/8", False),
        ("https://10.1.2.3", "2.3", False),
        ("https://[2001:db8::1]", "2001:db8::/32", True),
        ("https://[2001:db8::1]", "2001:db8::1", True),
        ("https://[2001:db8::1]", "[2001:db8::1]", True),
        ("https://[2001:db8::1]", "[2001:db8::1]:443", True),
        ("https://[2001:db8::1]", "2001:db9::/32", False),
        ("https://api.kombo.dev", "[:::", False),
        ("https://api.kombo.dev", "kombo.dev:http", False),
    ],
)
def test_no_proxy(url: str, no_proxy: str, direct: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """`NO_PROXY` is read as httpx and curl read it: domains with all below them, addresses, networks, ports, `*`."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert (proxy_to(httpx.URL(url)) is None) is direct


# ---------------------------------------------------------------------- why it failed


async def test_name_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that cannot be resolved is reported."""

    async def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(anyio, "getaddrinfo", unknown)
    failure = await failure_of(far_client())
    assert "PostAtsCandidates failed: the name kombo.invalid could not be resolved" in str(failure)
    assert isinstance(failure.__cause__, socket.gaierror)
    assert never_sent(failure)


async def test_refused() -> None:
    """A refused connection is reported with the system's error."""
    failure = await failure_of(far_client("http://127.0.0.1:9/v1"))
    assert str(failure) == "PostAtsCandidates failed: connection refused"
    assert isinstance(failure.__cause__, ConnectionRefusedError)
    assert never_sent(failure)


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENETUNREACH, "the network is unreachable"),
        (errno.EHOSTUNREACH, "the host is unreachable"),
        (errno.EMFILE, "no file handles left in this process"),
        (errno.ETIMEDOUT, "the network timed out"),
    ],
)
async def test_what_the_system_says(number: int, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's errors are put into words, even if only some of a host's addresses fail like that."""

    async def addresses(host: str, port: int, **_: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"192.0.2.{last}", port)) for last in (1, 2)]

    async def fails(host: str, port: int) -> Any:
        raise OSError(number if host.endswith("1") or number != errno.EMFILE else errno.EMFILE, "told")

    monkeypatch.setattr(anyio, "getaddrinfo", addresses)
    monkeypatch.setattr(connecting, "connect_tcp", fails)
    failure = await failure_of(far_client())
    assert f"failed: {says}" in str(failure)
    assert never_sent(failure)


async def test_first_address_that_answers() -> None:
    """The first of a name's addresses that responds is used, even if another refuses."""
    with FaultServer() as server, pytest.MonkeyPatch.context() as patch:

        async def addresses(host: str, port: int, **_: Any) -> Any:
            found = [(socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.2"), (socket.AF_INET, "127.0.0.1")]
            return [(family, socket.SOCK_STREAM, 6, "", (address, port)) for family, address in found]

        patch.setattr(anyio, "getaddrinfo", addresses)
        async with client(server, base_url=f"http://localhost:{server.port}/v1", retry=ONCE) as kombo:
            assert isinstance(await kombo.send(CREATE), Success)
        await until(lambda: not server.open)


async def test_address_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that does not answer does not hold up the next for long, and no connection is left over."""
    connect_tcp = streams.connect_tcp

    async def addresses(host: str, port: int, **_: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{last}", port)) for last in (9, 1)]

    async def silent(host: str, port: int) -> Any:
        if host == "127.0.0.9":
            await anyio.sleep(60)
        return await connect_tcp(host, port)

    monkeypatch.setattr(anyio, "getaddrinfo", addresses)
    monkeypatch.setattr(connecting, "connect_tcp", silent)
    with FaultServer() as server:
        async with client(server, base_url=f"http://localhost:{server.port}/v1", retry=ONCE) as kombo:
            with anyio.fail_after(3):
                assert isinstance(await kombo.send(CREATE), Success)


async def test_lost_connections() -> None:
    """A connection that broke after sending is reported with how it broke."""

    async def cut(exchange: Exchange) -> None:
        exchange.cut()

    async def reset(exchange: Exchange) -> None:
        exchange.cut(reset=True)

    async def nonsense(exchange: Exchange) -> None:
        await exchange.send(b"SSH-2.0-OpenSSH frank@example.com\r\n\r\n")
        exchange.cut()

    says = {
        cut: "failed: the connection was closed before the response was complete",
        reset: "failed: the connection was reset",
        nonsense: "failed: the response is not valid HTTP",
    }
    for step, words in says.items():
        with FaultServer() as server:
            failure = await failure_of(client(server, step, retry=ONCE))
        assert words in str(failure)
        assert failure.may_have_applied


async def test_httpx_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """httpx's log line with the whole URL is dropped, but only for our requests."""
    caplog.set_level(logging.INFO)
    with FaultServer() as server:
        async with client(server) as kombo:
            await kombo.ats.get_candidates(email="frank@example.com")
        async with httpx.AsyncClient() as other:
            await other.get(server.url)
            async with client(server, http_client=other) as kombo:
                await kombo.ats.get_candidates(email="frank@example.com")
    assert [record.name for record in caplog.records] == ["kombo_async", "httpx", "kombo_async"]
    assert "frank" not in caplog.text
