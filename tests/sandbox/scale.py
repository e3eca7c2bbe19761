"""How long lists and look-ups take among 100,000 records: `python -m tests.sandbox.scale [RECORDS]`."""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import timedelta
from typing import Any

import httpx

from kombo_async.sandbox import GREENHOUSE, Sandbox, SandboxTransport, default_id

HRIS = default_id("workday")


def paths(sandbox: Sandbox) -> list[tuple[str, str, str]]:
    """What is asked: what it is, for which integration, the path."""
    people, hris = sandbox.world(GREENHOUSE), sandbox.world(HRIS)
    last = len(hris.table("hris_employees")) - 1
    employee, candidate = hris.table("hris_employees")[last // 2].data, people.table("ats_candidates")[last // 2].data
    job = people.table("ats_jobs")[0].id
    soon = (sandbox.clock.now() - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    week = (sandbox.clock.now() - timedelta(days=7)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return [
        ("first page of employees", HRIS, "/hris/employees"),
        ("first page of candidates", GREENHOUSE, "/ats/candidates"),
        ("first page of applications", GREENHOUSE, "/ats/applications"),
        ("first page of payslips", HRIS, "/hris/payslips"),
        ("employees by ids", HRIS, f"/hris/employees?ids={employee['id']}"),
        ("employees by remote_ids", HRIS, f"/hris/employees?remote_ids={employee['remote_id']}"),
        ("employees by work_emails", HRIS, f"/hris/employees?work_emails={employee['work_email']}"),
        ("employees by group_ids", HRIS, f"/hris/employees?group_ids={employee['group_ids'][0]}"),
        ("employees by status", HRIS, "/hris/employees?employment_statuses=LEAVE"),
        (
            "employees by status and group",
            HRIS,
            f"/hris/employees?employment_statuses=ACTIVE&group_ids={employee['group_ids'][0]}",
        ),
        ("employees updated in a minute", HRIS, f"/hris/employees?updated_after={soon}"),
        ("employees updated in a week", HRIS, f"/hris/employees?updated_after={week}"),
        ("employees by custom field", HRIS, "/hris/employees?custom_fields=%7B%22cost_center%22%3A%22CC-100%22%7D"),
        ("absences until a day", HRIS, "/hris/absences?date_until=2000-01-01"),
        ("absences from a day", HRIS, f"/hris/absences?date_from={week[:10]}"),
        ("timesheets of an employee", HRIS, f"/hris/timesheets?employee_id={employee['id']}"),
        ("candidates by email", GREENHOUSE, f"/ats/candidates?email={candidate['emails'][0]}"),
        ("candidates by job_ids", GREENHOUSE, f"/ats/candidates?job_ids={job}"),
        ("candidates by last_name", GREENHOUSE, f"/ats/candidates?last_name={candidate['last_name']}"),
        ("applications by job_ids", GREENHOUSE, f"/ats/applications?job_ids={job}"),
        ("applications created in a week", GREENHOUSE, f"/ats/applications?remote_created_after={week}"),
    ]


async def ask(http: httpx.AsyncClient, integration: str, path: str) -> tuple[float, Any]:
    """How long an answer takes, and the answer."""
    headers = {"Authorization": "Bearer sandbox-key", "X-Integration-Id": integration}
    started = time.perf_counter()
    response = await http.get(f"http://sandbox.localhost/v1{path}", headers=headers)
    seconds = time.perf_counter() - started
    assert response.status_code == 200, response.text
    return seconds, response.json()["data"]["results"]


async def measure(records: int) -> list[tuple[str, float, float, float, int]]:
    """For each: seconds at first and at best later, the longest that another call waited meanwhile, how many came."""
    sandbox = Sandbox(employees=records, candidates=records)
    rows: list[tuple[str, float, float, float, int]] = []
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox)) as http:
        for what, integration, path in paths(sandbox):
            waits: list[float] = [0.0]

            async def others(waits: list[float] = waits) -> None:
                while True:
                    waits.append((await ask(http, GREENHOUSE, "/ats/tags"))[0])
                    await asyncio.sleep(0.001)

            task = asyncio.create_task(others())
            await asyncio.sleep(0)
            first, found = await ask(http, integration, path)
            task.cancel()
            later = min([(await ask(http, integration, path))[0] for _ in range(3)])
            rows.append((what, first, later, max(waits), len(found)))
        world = sandbox.world(GREENHOUSE)
        started = time.perf_counter()
        world.change("ats_jobs", world.table("ats_jobs")[0], name="Renamed")
        rows.append(("change a job that many applied for", time.perf_counter() - started, 0.0, 0.0, 1))
        seconds = [(await page(sandbox))[0] for _ in range(2)]
        rows.append(("a look at the page", seconds[0], seconds[1], 0.0, 1))
    return rows


async def page(sandbox: Sandbox) -> tuple[float, str]:
    """A look at everything that the open page shows."""
    started = time.perf_counter()
    text = ""
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url="http://sandbox.localhost") as http:
        for part in ("/", f"/_sandbox/fragments/records?integration={GREENHOUSE}"):
            response = await http.get(part)
            assert response.status_code == 200, part
            text += response.text
    return time.perf_counter() - started, text


def main() -> None:
    """Measure, and print."""
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    print(f"{records} employees and candidates{'first':>23}{'later':>10}{'others':>10}{'found':>8}")  # noqa: T201
    for what, first, later, others, found in asyncio.run(measure(records)):
        print(f"{what:44}{first * 1000:7.0f} ms{later * 1000:7.0f} ms{others * 1000:7.0f} ms{found:8}")  # noqa: T201


if __name__ == "__main__":
    main()
