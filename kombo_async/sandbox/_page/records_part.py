"""Records of every model on the page, with search; and candidates with their applications and files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from html import escape
from typing import cast

from starlette.requests import Request

from kombo_async.sandbox._page.bodies import draw_body
from kombo_async.sandbox._page.html import badge, copyable, page_number, pager, quoted, table, with_query
from kombo_async.sandbox._page.record_search import named, search
from kombo_async.sandbox._server.core import SandboxCore
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.models import MODELS
from kombo_async.sandbox._state.store import World
from kombo_async.sandbox._state.table import StoredRecord

PAGE = 25
FRAGMENT = "/_sandbox/fragments/records"
OPENED = frozenset({"application/pdf", "image/png", "image/jpeg", "image/gif", "text/plain"})
"""File types that a browser may open, since none of them can run code."""


def models_of(sandbox: SandboxCore, integration_id: str) -> list[str]:
    """The models that an integration has; the platform's for an empty ID."""
    if not integration_id:
        starts: tuple[str, ...] = ("ai_", "connect_")
    else:
        category = sandbox.integration(integration_id).category
        starts = {"ATS": ("ats_",), "HRIS": ("hris_",), "LMS": ("lms_",)}.get(category, ("assessment_",))
        starts = (*starts, "integration_fields", "custom_fields")
    first = ("ats_candidates", "hris_employees", "lms_users", "assessment_orders", "ai_job_postings")
    names = [name for name in sorted(MODELS) if name.startswith(starts)]
    return sorted(names, key=lambda name: name not in first)


async def draw_records(sandbox: SandboxCore, request: Request) -> str:
    """One page of the records of a model."""
    query = request.query_params
    id = query.get("integration", "")
    if id and id not in sandbox.integrations:
        return '<p class="empty">Choose an integration.</p>'
    models = models_of(sandbox, id)
    model = query.get("model", "")
    model = model if model in models else models[0]
    page = page_number(query.get("page"))
    world = sandbox.world(id or None)
    records = world.table(model)
    text = query.get("q", "").strip()
    what = "records"
    if text:
        places = named(records, text)
        if not places:
            found = await search(world, model, text)
            places = found.found
            if found.left:
                what = f"records so far, {len(records) - found.left:,} of {len(records):,} searched"
        if sandbox.world(id or None) is not world:
            return '<p class="empty">The sandbox was reset.</p>'
        shown, total = list(records.at(places[page * PAGE : (page + 1) * PAGE])), len(places)
    else:
        total = len(records)
        last = total - page * PAGE
        shown = list(records.at(range(last - 1, max(-1, last - 1 - PAGE), -1)))
    root = f"{request.url.scheme}://{request.url.netloc}"
    if model == "ats_candidates":
        heads: tuple[str, ...] = ("Candidate", "E-mail", "Applications", "Attachments")
        rows: Iterable[str] = (_person(sandbox, world, id, each, root) for each in shown)
    else:
        heads = ("Record", "Content", "Changed")
        rows = (_record(sandbox, id, model, each, root) for each in shown)
    drawn = table(heads, rows, "No records.")
    return f'<div class="scroll">{drawn}</div>' + pager(FRAGMENT, page, len(shown), total, PAGE, what)


def _opens(integration: str, model: str, record: StoredRecord) -> str:
    path = f"{FRAGMENT}/one"
    return f'data-open="{with_query(path, integration=integration, model=model, id=record.id)}" tabindex="0"'


def _record(sandbox: SandboxCore, integration: str, model: str, record: StoredRecord, root: str) -> str:
    said = [
        str(record.data[name])
        for name in ("name", "title", "label", "display_full_name", "first_name", "last_name", "work_email", "email")
        if record.data.get(name)
    ] + [str(record.data[name]).lower() for name in ("status", "outcome", "type") if record.data.get(name)]
    words = escape(" · ".join(dict.fromkeys(said))[:200])
    if model == "ats_attachments":
        words = _file(sandbox, record.data, root)
    gone = f" {badge('deleted', 'bad')}" if record.deleted else ""
    return (
        f"<tr {_opens(integration, model, record)}><td><code class=id>{escape(record.id)}</code></td>"
        f'<td class="long">{words}{gone}</td><td class="nowrap">{escape(record.touched[:19])}</td></tr>'
    )


def _person(sandbox: SandboxCore, world: World, integration: str, record: StoredRecord, root: str) -> str:
    data = record.data
    applications: list[str] = []
    for each in world.related("ats_applications", "candidate_id", record.id):
        job = world.peek("ats_jobs", each["job_id"]) or {}
        stage = world.peek("ats_application_stages", each["current_stage_id"]) or {}
        kind = {"HIRED": "good", "DECLINED": "bad"}.get(each["outcome"], "")
        outcome = badge(str(each["outcome"]).lower(), kind)
        applications.append(f"<div>{escape(job.get('name') or '')} · {escape(stage.get('name') or '')} {outcome}</div>")
    files = [_file(sandbox, each, root) for each in world.related("ats_attachments", "candidate_id", record.id)]
    emails = "<br>".join(escape(email) for email in cast("list[str]", data["emails"]))
    gone = f" {badge('deleted', 'bad')}" if record.deleted else ""
    name = escape(f"{data['first_name']} {data['last_name']}")
    return (
        f"<tr {_opens(integration, 'ats_candidates', record)}>"
        f'<td>{name}{gone}<div class="small"><code class=id>{escape(record.id)}</code></div></td><td>{emails}</td>'
        f"<td>{''.join(applications)}</td><td>{''.join(f'<div>{file}</div>' for file in files)}</td></tr>"
    )


def _file(sandbox: SandboxCore, record: Record, root: str) -> str:
    url = sandbox.file_url(root, record["id"])
    opens = ""
    if record["content_type"] in OPENED:
        opens = f' <a href={quoted(f"{url}?open")} target="_blank" rel="noopener">open</a>'
    return f"<a href={quoted(url)}>{escape(record['file_name'])}</a> {escape(record['type'])}{opens}"


def draw_record(sandbox: SandboxCore, request: Request) -> str:
    """One complete record."""
    query = request.query_params
    id = query.get("integration", "")
    model = query.get("model", "")
    if (id and id not in sandbox.integrations) or model not in MODELS:
        return '<p class="empty">There is no such record.</p>'
    record = sandbox.world(id or None).table(model).find(query.get("id", ""))
    if record is None:
        return '<p class="empty">There is no such record.</p>'
    lines = [copyable(record.id, "ID"), copyable(str(record.data["remote_id"]), "remote ID")]
    lines += [copyable(text, what) for what, text in _names(record.data)]
    return (
        f'<h2>{escape(model)}</h2><p class="hint">{"<br>".join(lines)}</p>{draw_body(json.dumps(record.data).encode())}'
    )


def _names(record: Record) -> Iterator[tuple[str, str]]:
    """What people look for a record by, and may want to copy."""
    full_name = " ".join(record[name] for name in ("first_name", "last_name") if record.get(name))
    if full_name:
        yield "name", full_name
    for field, what in (("name", "name"), ("title", "title"), ("label", "label"), ("work_email", "e-mail address")):
        if isinstance(record.get(field), str):
            yield what, record[field]
    for email in cast("list[str]", record.get("emails") or [record.get("email")]):
        if email:
            yield "e-mail address", email
