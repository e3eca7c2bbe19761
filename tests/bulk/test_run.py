"""A bulk run: rows in, outcomes out."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest

from kombo_async import AsyncKomboClient, RetryPolicy, ats, general
from kombo_async.bulk import ApplicationReconciler, Outcome, Row
from kombo_async.sandbox import BASE_URL, SandboxTransport
from tests.bulk.conftest import CREATE, INTEGRATION, Bench, by_name

pytestmark = pytest.mark.anyio


async def test_each_row_gets_one_outcome_with_its_ids(bench: Bench) -> None:
    """Each request has one outcome, done, with the IDs of what was created."""
    async with bench.client() as kombo:
        outcomes = [outcome async for outcome in kombo.bulk(bench.applications(50))]
    assert sorted(bench.made) == sorted(f"ada{number}" for number in range(50))
    assert {outcome.result for outcome in outcomes} == {"done"}
    made = {call.result["id"]: call.result["candidate_id"] for call in bench.sandbox.performed(CREATE)}
    assert {outcome.ids["id"]: outcome.ids["candidate_id"] for outcome in outcomes} == made


async def test_rows_come_from_an_async_iterable_too(bench: Bench) -> None:
    """An async generator is as good as a list."""

    async def rows() -> AsyncIterator[ats.CreateApplication]:
        for row in bench.applications(3):
            await anyio.lowlevel.checkpoint()
            yield row

    async with bench.client() as kombo:
        assert {each.result async for each in kombo.bulk(rows())} == {"done"}
    assert len(bench.made) == 3


async def test_operations_and_integrations_mix(bench: Bench) -> None:
    """Rows of different operations and integrations go through one run, each with its own tag."""
    other = bench.sandbox.add_integration("lever:other").id
    rows = [
        Row(bench.application("ada"), tag=1),
        Row(ats.GetJobs(page_size=1), integration_id=other, tag=2),
        Row(general.CheckApiKey(), tag=3),
    ]
    async with bench.client() as kombo:
        outcomes = {each.tag: each async for each in kombo.bulk(rows)}
    assert {each.result for each in outcomes.values()} == {"done"}
    assert bench.sandbox.requests("GetAtsJobs")[0].integration == other


async def test_order_is_kept_on_request(bench: Bench) -> None:
    """With `ordered`, outcomes come in the order of the requests, even if the first is the slowest."""
    bench.sandbox.faults.add(CREATE, delay=0.1, times=1)
    async with bench.client() as kombo:
        names = [
            each.request.candidate.first_name  # type: ignore[attr-defined]
            async for each in kombo.bulk(bench.applications(20), ordered=True)
        ]
    assert names == [f"ada{number}" for number in range(20)]


async def test_rows_are_read_no_faster_than_outcomes_are_taken(bench: Bench) -> None:
    """A slow consumer of outcomes slows the source down: at most `concurrency` rows are ahead."""
    read = 0

    def counted() -> Iterator[ats.CreateApplication]:
        nonlocal read
        for row in bench.applications(200):
            read += 1
            yield row

    taken = 0
    async with bench.client() as kombo, kombo.bulk(counted(), concurrency=5) as outcomes:
        async for _ in outcomes:
            taken += 1
            await anyio.sleep(0.001)
            assert read <= taken + 6
    assert taken == 200


async def test_a_refusal_is_an_outcome_not_an_end(bench: Bench) -> None:
    """A refused row says why, with the log page; the others continue."""
    bad = ats.CreateApplication(
        job_id="nope", candidate=ats.CandidateInput(first_name="bad", last_name="x", email_address="bad@example.com")
    )
    async with bench.client() as kombo:
        outcomes = await by_name(kombo.bulk([bench.application("ada"), bad]))
    assert outcomes["ada"].result == "done"
    assert outcomes["bad"].result == "refused"
    assert outcomes["bad"].entry.status_code == 404
    assert outcomes["bad"].message


async def test_a_missing_file_refuses_its_row_alone(bench: Bench, tmp_path: Path) -> None:
    """A missing CV refuses its row, and nothing of it is sent."""
    missing = ats.AttachmentInput.from_path(tmp_path / "cv.pdf", type="CV")
    row = ats.CreateApplication(
        job_id=bench.job_id, candidate=bench.application("bad").candidate, attachments=[missing]
    )
    async with bench.client() as kombo:
        outcomes = await by_name(kombo.bulk([row, bench.application("ada")]))
    assert (outcomes["bad"].result, outcomes["ada"].result) == ("refused", "done")
    assert "cv.pdf" in outcomes["bad"].message
    assert bench.made == ["ada"]


async def test_what_was_surely_not_done_is_unsent(bench: Bench) -> None:
    """A temporary failure, such as a pending first sync, leaves the row for the next run."""
    bench.sandbox.faults.add(CREATE, status=409, code="INTEGRATION.SETUP_SYNC_PENDING")
    async with bench.client() as kombo:
        outcomes = await by_name(kombo.bulk([bench.application("ada")], options={"retry": RetryPolicy.none()}))
    assert outcomes["ada"].result == "unsent"


async def test_an_error_of_the_source_ends_the_run_after_what_is_in_flight(bench: Bench) -> None:
    """An exception in the source is raised after the outcomes of the rows before it."""

    def rows() -> Iterator[ats.CreateApplication]:
        yield from bench.applications(3)
        raise LookupError("no more")

    seen: list[Outcome] = []
    async with bench.client() as kombo:
        run = kombo.bulk(rows())

        async def take() -> None:
            async for outcome in run:
                seen.append(outcome)  # noqa: PERF401 - what comes before the error counts

        with pytest.raises(LookupError, match="no more"):
            await take()
    assert len(seen) == 3


async def test_stop_begins_nothing_more(bench: Bench) -> None:
    """After `stop`, outcomes of started rows still come; the rest is not read."""
    seen = 0
    async with bench.client() as kombo:
        run = kombo.bulk(bench.applications(1000), concurrency=4)
        async for outcome in run:
            seen += outcome.result == "done"
            if seen == 10:
                run.stop()
    assert seen == len(bench.made) < 20


async def test_leaving_the_loop_ends_what_is_in_flight(bench: Bench, tmp_path: Path) -> None:
    """After `break`, started rows are finished and in the journal before the block ends."""
    bench.sandbox.set_latency(actions=0.02)
    journal = tmp_path / "journal"
    async with bench.client() as kombo:
        async with kombo.bulk(bench.applications(1000), journal=journal, concurrency=4) as outcomes:
            async for _ in outcomes:
                break
        made = len(bench.made)
        await anyio.sleep(0.1)
        assert len(bench.made) == made <= 12
        async with kombo.bulk(bench.applications(made), journal=journal) as again:
            assert {each.result async for each in again} == {"done"}
    assert len(bench.made) == len(set(bench.made)) == made


async def test_a_row_without_an_integration_is_refused_alone(bench: Bench) -> None:
    """A row without the integration that it needs is refused; the others are sent."""
    rows: list[ats.CreateApplication | Row] = [
        bench.application("ada"),
        Row(bench.application("bob"), integration_id=INTEGRATION),
    ]
    async with bench.sandbox.client() as kombo:
        outcomes = await by_name(kombo.bulk(rows))
    assert (outcomes["ada"].result, outcomes["bob"].result) == ("refused", "done")
    assert "integration_id" in outcomes["ada"].message
    assert bench.made == ["bob"]


async def test_a_run_that_is_never_iterated_leaves_nothing(bench: Bench) -> None:
    """A run that is never iterated opens nothing."""
    async with bench.client() as kombo:
        run = kombo.bulk(bench.applications(1))
        await run.aclose()
        kombo.bulk(bench.applications(1))
    assert bench.asked == 0


async def test_a_run_is_iterated_once(bench: Bench) -> None:
    """A run can be iterated only once."""
    async with bench.client() as kombo:
        run = kombo.bulk(bench.applications(1))
        assert [each.result async for each in run] == ["done"]
        with pytest.raises(RuntimeError, match="once"):
            _ = [each async for each in run]


async def _gather(outcomes: AsyncIterable[Outcome], into: list[Outcome]) -> None:
    async for outcome in outcomes:
        into.append(outcome)  # noqa: PERF401 - what came before an error is kept


@pytest.mark.parametrize("row", [5, {"candidate": 1}, None, Row(None), [], ats.CreateApplication])  # type: ignore[arg-type]
async def test_what_is_no_request_ends_the_run_in_plain_words(bench: Bench, row: Any) -> None:
    """An item that is not a request ends the run with its index, after the rows before it."""
    rows = [bench.application("ada"), row, bench.application("eve")]
    outcomes: list[Outcome] = []
    async with bench.client() as kombo:
        with pytest.raises(TypeError, match=r"^requests: the item at index 1 must be a request"):
            await _gather(kombo.bulk(rows), outcomes)
    assert [each.result for each in outcomes] == ["done"] * len(bench.made)
    assert "eve" not in bench.made


@pytest.mark.parametrize("error", [StopAsyncIteration, None])
async def test_a_source_that_stops_in_the_middle_is_not_at_its_end(
    bench: Bench, error: type[BaseException] | None
) -> None:
    """A source that leaks `StopAsyncIteration`, or is cancelled from inside, raises instead of ending quietly."""
    cancelled = error or anyio.get_cancelled_exc_class()
    if cancelled is not StopAsyncIteration and cancelled.__module__.startswith("trio"):
        pytest.skip("trio's Cancelled belongs to a scope")

    def rows() -> Iterator[ats.CreateApplication]:
        yield bench.application("ada")
        raise cancelled

    outcomes: list[Outcome] = []
    async with bench.client() as kombo:
        with pytest.raises(RuntimeError, match=r"^the source of requests "):
            await _gather(kombo.bulk(rows()), outcomes)
    assert [each.result for each in outcomes] == ["done"]


@pytest.mark.parametrize(
    "settings",
    [
        {"resend_after": "24h"},
        {"resend_after": 5},
        {"settle_wait": "3"},
        {"grace": float("nan")},
        {"concurrency": 1.5},
        {"journal": 5},
        {"journal": ":memory:"},
        {"journal": ""},
        {"key": 3},
        {"synced_since": True},
        {"ordered": "no"},
        {"retry_refused": 1},
        {"reconcilers": {ats.CreateApplication: 3}},
        {"reconcilers": {ats.CreateApplication: ApplicationReconciler}},
        {"reconcilers": {"CreateApplication": ApplicationReconciler()}},
        {"options": {"timeoutt": 3}},
        {"options": {"timeout": float("nan")}},
    ],
)
async def test_wrong_settings_are_no_rows_fault(bench: Bench, settings: dict[str, Any]) -> None:
    """A setting that cannot work is refused before any row is read."""
    async with bench.client() as kombo:
        with pytest.raises(ValueError, match=f"^{next(iter(settings))}\\b"):
            kombo.bulk([bench.application("ada")], **settings)


async def test_a_truthy_answer_is_no_proof_of_a_sync(bench: Bench) -> None:
    """Only True from `synced_since` says that a sync has ended: text such as "no" sends nothing again."""
    bench.sandbox.faults.add(CREATE, status=500, code="PLATFORM.UNKNOWN_ERROR")
    no: Any = "no"
    async with bench.client() as kombo:
        run = kombo.bulk([bench.application("ada")], synced_since=lambda *_: no, settle_wait=0)
        assert [each.result async for each in run] == ["in_doubt"]
    assert bench.asked == 1


@pytest.mark.parametrize("error", [ValueError("x"), UnicodeError("x")])
async def test_an_error_of_a_transport_refuses_no_row(bench: Bench, error: Exception) -> None:
    """A transport that raises its own error may have sent the row: it is in doubt."""

    async def broken(request: httpx.Request) -> httpx.Response:
        await SandboxTransport(bench.sandbox).handle_async_request(request)
        if request.method == "POST":
            raise error
        return httpx.Response(200, json={"status": "success", "data": {"results": [], "next": None}})

    kombo = AsyncKomboClient(
        bench.sandbox.api_key, integration_id=INTEGRATION, base_url=BASE_URL, transport=httpx.MockTransport(broken)
    )
    async with kombo:
        run = kombo.bulk([bench.application("ada")], settle_wait=0)
        assert [each.result async for each in run] == ["in_doubt"]
    assert bench.made == ["ada"]
