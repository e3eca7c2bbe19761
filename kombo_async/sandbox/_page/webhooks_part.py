"""Webhooks on the page: endpoints, deliveries and responses."""

from __future__ import annotations

from html import escape

from starlette.requests import Request

from kombo_async.sandbox._page.bodies import draw_body
from kombo_async.sandbox._page.html import badge, button, copyable, table
from kombo_async.sandbox._server.core import SandboxCore
from kombo_async.sandbox._webhooks.sending import Delivery, Endpoint

SHOWN = 50
FRAGMENT = "/_sandbox/fragments/webhooks"


def draw_webhooks(sandbox: SandboxCore, request: Request) -> str:
    """Endpoints and the newest deliveries."""
    webhooks = sandbox.webhooks
    endpoints = table(("Endpoint", "Events", ""), map(_endpoint, webhooks.endpoints), "No webhook endpoints yet.")
    newest = list(reversed(webhooks.deliveries))[:SHOWN]
    sent = table(("Event", "To", "Sent", "Status", ""), map(_delivery, newest), "Nothing has been sent yet.")
    waiting = f'<p class="small">{webhooks.waiting:,} waiting to be sent</p>' if webhooks.waiting else ""
    return f'{endpoints}{waiting}<div class="scroll">{sent}</div>'


def _endpoint(endpoint: Endpoint) -> str:
    events = ", ".join(sorted(endpoint.events)) if endpoint.events is not None else "all"
    remove = button("Remove", f"/_sandbox/webhooks/{endpoint.id}", method="DELETE")
    return (
        f'<tr><td class="long"><code>{escape(endpoint.url)}</code></td><td>{escape(events)}</td><td>{remove}</td></tr>'
    )


def _status(delivery: Delivery) -> str:
    if delivery.status is None:
        return badge("no response", "bad")
    return badge(str(delivery.status), "good" if delivery.delivered else "bad")


def _delivery(delivery: Delivery) -> str:
    again = button("Send again", f"/_sandbox/webhooks/deliveries/{delivery.number}", {})
    return (
        f'<tr data-open="{FRAGMENT}/{delivery.number}" tabindex="0"><td>{escape(delivery.type)}</td>'
        f'<td class="long"><code>{escape(delivery.url)}</code></td><td class="number">{delivery.attempts}</td>'
        f'<td class="number">{_status(delivery)}</td><td>{again}</td></tr>'
    )


def draw_delivery(sandbox: SandboxCore, request: Request) -> str:
    """One delivery with its body and the response."""
    number = request.path_params["number"]
    delivery = next((each for each in sandbox.webhooks.deliveries if each.number == number), None)
    if delivery is None:
        return '<p class="empty">This delivery is no longer kept.</p>'
    error = f"<br>{escape(delivery.error)}" if delivery.error else ""
    return (
        f'<h2>{escape(delivery.type)}</h2><p class="hint">{copyable(delivery.id, "event ID")}<br>'
        f"{copyable(delivery.signature, 'X-Kombo-Signature')}<br>{_status(delivery)} after {delivery.attempts} "
        f"time{'s' if delivery.attempts != 1 else ''}{error}</p>"
        f"<strong>Body</strong>{draw_body(delivery.body)}<strong>Response</strong>{draw_body(delivery.answer.encode())}"
    )
