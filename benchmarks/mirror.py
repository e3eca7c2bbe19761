"""`python -m benchmarks.mirror [--rows N | --integrations N]`: how fast tables follow, in PostgreSQL and SQLite.

It needs Debian's `postgresql`. The far side is a process of its own which costs next to nothing; figures are of this
machine, and the database does not wait for the disk.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGE = 250
COLUMNS = ["first_name", "last_name", "work_email", "start_date"]
INTEGRATION = "workday:6cRsLsFAo8iMPHGBLqYZdqVH"


def employee(number: int, name: str) -> dict[str, Any]:
    """An employee of about 1.9 KB, as the types have it."""
    address = {
        "city": "Berlin",
        "country": "DE",
        "raw": "Invalidenstraße 1",
        "state": None,
        "street_1": "Invalidenstr.",
    }
    employment = {
        "id": f"m{number:023}",
        "remote_id": f"m{number}",
        "job_title": "Engineer",
        "pay_rate": 5000.5,
        "pay_period": "MONTH",
        "pay_currency": "EUR",
        "effective_date": "2022-03-01T00:00:00.000Z",
        "employment_type": "FULL_TIME",
        "employee_id": f"e{number:023}",
        "custom_fields": None,
        "integration_fields": [],
        "changed_at": "2022-03-01T00:00:00.000Z",
        "remote_deleted_at": None,
        "remote_data": None,
    }
    group = {"id": "g00000000000000000000001", "remote_id": "7", "name": "Sales", "type": "DEPARTMENT"}
    return {
        "id": f"e{number:023}",
        "remote_id": str(number),
        "employee_number": str(number),
        "first_name": name,
        "last_name": "Doe",
        "nationality": "DE",
        "display_full_name": f"{name} Doe",
        "job_title": "Engineer",
        "work_email": f"employee.{number}@example.com",
        "personal_email": f"person.{number}@example.org",
        "mobile_phone_number": "+49 30 1234567",
        "ssn": "555-32-6395",
        "tax_id": "12 345 678 901",
        "gender": "FEMALE",
        "ethnicity": None,
        "marital_status": "MARRIED",
        "employment_status": "ACTIVE",
        "employment_type": "FULL_TIME",
        "weekly_hours": 40,
        "avatar": "https://example.com/avatars/1.png",
        "work_location_id": "l00000000000000000000001",
        "legal_entity_id": "c00000000000000000000001",
        "manager_id": None,
        "home_address": address,
        "bank_accounts": [{"iban": "DE02120300000000202051", "bic": "BYLADEM1001", "holder_name": f"{name} Doe"}],
        "date_of_birth": "1986-01-01T00:00:00.000Z",
        "start_date": "2022-03-01T00:00:00.000Z",
        "termination_date": None,
        "remote_created_at": "2022-02-01T00:00:00.000Z",
        "changed_at": "2026-11-01T00:00:00.000Z",
        "remote_deleted_at": None,
        "custom_fields": {"shirt": "M"},
        "integration_fields": [],
        "remote_data": None,
        "employments": [employment],
        "time_off_balances": [],
        "manager": None,
        "groups": [group],
        "teams": [group],
        "legal_entity": None,
        "work_location": None,
    }


class FarSide(asyncio.Protocol):
    """Answers lists by number alone; after `/change`, one employee in a hundred has another name."""

    rows = 0
    changed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where answers go."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer a request, which comes in one piece."""
        url = urlsplit(data.split(b" ", 2)[1].decode())
        body = self._body(url.path, parse_qs(url.query))
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: {date}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._transport.write(head.encode() + body)

    def _body(self, path: str, query: dict[str, list[str]]) -> bytes:
        cls = type(self)
        if path == "/change":
            cls.changed = True
        if not path.endswith("/employees"):
            return b'{"status":"success","data":{"results":[],"next":null}}'
        begin = int(query.get("cursor", ["0"])[0])
        some = range(0, cls.rows if cls.changed else 0, 100) if "updated_after" in query else range(cls.rows)
        numbers = some[begin : begin + PAGE]
        after = begin + PAGE
        following = f'"{after}"' if after < len(some) else "null"
        results = ",".join(self._record(number) for number in numbers)
        return f'{{"status":"success","data":{{"results":[{results}],"next":{following}}}}}'.encode()

    def _record(self, number: int) -> str:
        name = "Other" if self.changed and number % 100 == 0 else "Frank"
        template: tuple[str, str] = _templates[name]
        return template[0].replace("#7#", f"{number:023}").replace("#8#", str(number))


_templates: dict[str, tuple[str, str]] = {}


def serve(rows: int) -> None:
    """Be the far side."""
    FarSide.rows = rows
    for name in ("Frank", "Other"):
        text = json.dumps(employee(7, name), separators=(",", ":"))
        text = text.replace(f"{7:023}", "#7#").replace('"remote_id":"7","emp', '"remote_id":"#8#","emp')
        _templates[name] = (text.replace("employee.7@", "employee.#8#@").replace("person.7@", "person.#8#@"), "")

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(FarSide, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def far_side(rows: int) -> Iterator[str]:
    """Run it; gives its address."""
    command = [sys.executable, "-m", "benchmarks.mirror", "--serve", str(rows)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
    finally:
        server.terminate()
        server.wait()


async def bare(url: str, address: str) -> None:
    """Read by bare httpx, and insert by `executemany`, page by page, into a table like the mirror's."""
    import asyncpg  # type: ignore[import-untyped]
    import httpx

    database = await asyncpg.connect(address)
    columns = ", ".join(f"{name} text" for name in COLUMNS)
    await database.execute(
        f"CREATE TABLE bare (integration_id text, id text, data jsonb, {columns}, PRIMARY KEY (integration_id, id))"
    )
    for name in COLUMNS:
        await database.execute(f"CREATE INDEX ON bare ({name})")
    cursor = None
    async with httpx.AsyncClient() as client:
        while True:
            query = {"page_size": str(PAGE), **({"cursor": cursor} if cursor else {})}
            data = (await client.get(f"{url}/hris/employees", params=query)).json()["data"]
            await database.executemany(
                "INSERT INTO bare VALUES ($1, $2, $3, $4, $5, $6, $7)",
                [
                    (INTEGRATION, each["id"], json.dumps(each), *(each[name] for name in COLUMNS))
                    for each in data["results"]
                ],
            )
            cursor = data["next"]
            if cursor is None:
                break
    await database.close()


async def mirrored(url: str, store: Any) -> None:
    """Mirror the list, then what changed in it, then nothing; print how long each takes."""
    import httpx

    from kombo_async import AsyncKomboClient, hris
    from kombo_async.mirror import Mirror, Table

    table = Table("employees", hris.GetEmployees(), columns=COLUMNS)
    async with AsyncKomboClient("key", base_url=url) as kombo, Mirror(kombo, store, [table]) as mirror:
        begin, busy = time.perf_counter(), time.process_time()
        (update,) = await mirror.update(INTEGRATION)
        print("first", update.changed, time.perf_counter() - begin)
        print("cpu", 0, time.process_time() - busy)
        async with httpx.AsyncClient() as client:
            await client.get(url.replace("/v1", "/change"))
        for name, full in (("changes", False), ("nothing", False), ("full", True)):
            begin = time.perf_counter()
            (update,) = await mirror.update(INTEGRATION, full=full)
            print(name, update.changed, time.perf_counter() - begin)
    print("memory", 0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def of(kind: str, url: str, address: str) -> None:
    """Measure one kind in this process, from a quiet start."""
    work: Callable[[], Coroutine[Any, Any, None]]
    if kind == "bare":
        work = lambda: bare(url, address)  # noqa: E731
    elif kind == "sqlite":
        work = lambda: mirrored(url, address)  # noqa: E731
    else:
        from kombo_async.mirror.postgres import PostgresStore

        work = lambda: mirrored(url, PostgresStore(address))  # noqa: E731
    begin, busy = time.perf_counter(), time.process_time()
    asyncio.run(work())
    if kind == "bare":
        print("first", 0, time.perf_counter() - begin)
        print("cpu", 0, time.process_time() - busy)
        print("memory", 0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def measure(kind: str, rows: int, address: str) -> dict[str, tuple[int, float]]:
    """The figures of one kind: how many records, and seconds (or MB)."""
    with far_side(rows) as url:
        command = [sys.executable, "-m", "benchmarks.mirror", "--kind", kind, url, address]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n")
    return {name: (int(count), float(figure)) for name, count, figure in (line.split() for line in lines if line)}


def report(rows: int) -> None:
    """Measure all, and print the table."""
    from tests.support.postgres_server import postgres_server

    figures: dict[str, dict[str, tuple[int, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("bare", "postgres", "sqlite"):
            with postgres_server() as address:
                at = str(Path(folder) / "mirror.db") if kind == "sqlite" else address
                figures[kind] = measure(kind, rows, at)
    print(
        f"{rows:,} employees of {len(json.dumps(employee(7, 'Frank'))):,} bytes, {len(COLUMNS)} columns with indexes\n"
    )
    print("| what | bare httpx, `executemany` | mirror, PostgreSQL | mirror, SQLite |\n| --- | --- | --- | --- |")
    for name, what in (
        ("first", "first read, seconds"),
        ("cpu", "first read, seconds of this process's CPU"),
        ("changes", "1 % changed, seconds"),
        ("nothing", "nothing changed, seconds"),
        ("full", "full sync of what is there, seconds"),
        ("memory", "largest memory, MB"),
    ):
        cells = [f"{figures[kind][name][1]:,.1f}" if name in figures[kind] else "" for kind in figures]
        print(f"| {what} | {' | '.join(cells)} |")
    ratio = figures["postgres"]["first"][1] / figures["bare"]["first"][1]
    print(f"\nFirst read: {ratio:.2f} x the bare one; {rows / figures['postgres']['first'][1]:,.0f} records/s.")


async def many(count: int, address: str) -> None:
    """Two workers follow *count* integrations of the sandbox; one is killed; print when all is equal."""
    import os
    import signal

    from kombo_async import AsyncKomboClient
    from kombo_async.mirror import Mirror
    from kombo_async.mirror.postgres import PostgresStore
    from kombo_async.sandbox import Sandbox, serve
    from tests.mirror.follower import TABLES

    ids = [f"lever:{number:04}" for number in range(count)]
    sandbox = Sandbox(integrations=False, candidates=3, jobs=2)
    for each in ids:
        sandbox.add_integration(each)
    async with serve(sandbox) as url, AsyncKomboClient(sandbox.api_key, base_url=url) as kombo:
        store = PostgresStore(address, schema="many")
        async with Mirror(kombo, store, TABLES) as teller:
            for each in ids:
                await teller.follow(each, "ATS")
            env = {**os.environ, "KOMBO_API_KEY": sandbox.api_key, "KOMBO_BASE_URL": url}
            command = [sys.executable, "-m", "tests.mirror.follower", f"{address}#many", "30", "10800"]
            workers = [subprocess.Popen(command, env=env) for _ in range(2)]  # noqa: ASYNC220
            try:
                begin = time.perf_counter()
                await _until_all(teller, count)
                print(f"first syncs of {count:,} integrations: {time.perf_counter() - begin:.1f} s")
                begin = time.perf_counter()
                for number, each in enumerate(ids):
                    world = sandbox.world(each)
                    world.change("ats_candidates", world.table("ats_candidates")[0], first_name=f"Name {number}")
                    await store.tell(each, frozenset({"ats_candidates"}))
                    if number == count // 2:
                        workers[0].send_signal(signal.SIGKILL)
                await _until_all(teller, count, told=True)
                print(f"all changed, one of two workers killed: followed after {time.perf_counter() - begin:.1f} s")
                print("equal" if await _is_equal(kombo, address, ids) else "NOT EQUAL")
            finally:
                for worker in workers:
                    worker.kill()
                    worker.wait()


async def _until_all(mirror: Any, count: int, *, told: bool = False) -> None:
    for _ in range(2400):
        states = await mirror.store.integrations()
        if told and not any(each.told_at for each in states):
            return
        if not told and all(each.looked_at is not None and each.lane == "quick" for each in states):
            return
        await asyncio.sleep(0.25)
    raise TimeoutError


async def _is_equal(kombo: Any, address: str, ids: list[str]) -> bool:
    import asyncpg

    from kombo_async import ats

    database = await asyncpg.connect(address)
    rows = await database.fetch("SELECT integration_id, id, data FROM many.candidates")
    there = {(row[0], row[1]): json.loads(row[2]) for row in rows}
    await database.close()
    expected: dict[tuple[str, str], Any] = {}
    for each in ids:
        reply = await kombo.send(ats.GetCandidates(page_size=250), integration_id=each)
        expected |= {(each, record["id"]): record for record in reply.raw_response.json()["data"]["results"]}
    return there == expected


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mirror", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--integrations", type=int, help="follow so many integrations of the sandbox instead")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--kind", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve)
    elif arguments.kind:
        of(*arguments.kind)
    elif arguments.integrations:
        from tests.support.postgres_server import postgres_server

        with postgres_server() as address:
            asyncio.run(many(arguments.integrations, address))
    else:
        report(arguments.rows)


if __name__ == "__main__":
    main()
