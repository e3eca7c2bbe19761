"""The connection flow from the customer's side: what happens when a link is followed to its end."""

from __future__ import annotations

from kombo_async.sandbox._state.clock import parse
from kombo_async.sandbox._state.environment import Environment
from kombo_async.sandbox._state.ids import make_id
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.refusals import Refusal, UnknownId
from kombo_async.sandbox._state.table import StoredRecord
from kombo_async.sandbox._state.tools import Category, category_of, tools
from kombo_async.sandbox._webhooks import events
from kombo_async.sandbox._webhooks.webhooks import Webhooks

LIFETIMES = {"EMBEDDED": 3_600.0, "MAGIC_LINK": 365 * 86_400.0}
"""How many seconds a link is valid."""


def new_link(environment: Environment, wanted: Record, integration_id: str | None = None) -> str:
    """Store a new link, and return its token."""
    links = environment.world().table("connect_links")
    token = make_id(environment.seed, "link", len(links))
    link = {"token": token, "wanted": wanted, "integration_id": integration_id}
    environment.world().add("connect_links", link)
    return token


def find_link(environment: Environment, link: str) -> StoredRecord:
    """The stored link for a link or its token. Raises `UnknownId`, or `Refusal` if it has expired."""
    token = link.partition("?")[0].rstrip("/").rpartition("/")[2]
    for row in environment.world().table("connect_links").where("token", token):
        kind: str = row.data["wanted"].get("link_type", "EMBEDDED")
        if environment.clock.time() >= parse(row.data["remote_created_at"]).timestamp() + LIFETIMES[kind]:
            hours = LIFETIMES[kind] / 3600
            raise Refusal(
                410, None, f"This {kind} link was valid for {hours:g} hours and has expired; create another one."
            )
        return row
    raise UnknownId("connection link", token)


def offered_tools(link: Record) -> dict[str, str]:
    """The tools that a customer may choose from, with their labels."""
    wanted: Record = link["wanted"]
    if wanted.get("integration_tool"):
        return {wanted["integration_tool"]: wanted["integration_tool"]}
    category: Category | None = wanted.get("integration_category", "HRIS")
    categories: tuple[Category, ...] = (category,) if category else ("HRIS", "ATS", "ASSESSMENT", "LMS")
    return {name: label for each in categories for name, label in tools(each).items()}


def follow(environment: Environment, webhooks: Webhooks, link: str, tool: str | None = None) -> str:
    """Complete a link: connect *tool* (or the first one offered). Returns the token of the connection.

    Raises `ValueError` for a tool that the link does not offer.
    """
    row = find_link(environment, link)
    token = make_id(environment.seed, "connection", row.id)
    if row.data["integration_id"] is not None:
        integration = environment.integration(row.data["integration_id"])
        integration.authenticated = integration.setup_complete = True
        integration.token = token
        environment.save_integration(integration)
        webhooks.state_changed(integration)
        return token
    wanted: Record = row.data["wanted"]
    offered = offered_tools(row.data)
    tool = tool or next(iter(offered))
    if tool not in offered:
        raise ValueError(f"tool: the link offers {', '.join(offered)}")
    integration = environment.add_integration(
        f"{tool}:{make_id(environment.seed, 'connected', row.id)}",
        category=wanted.get("integration_category") or category_of(tool),
        organization=wanted["end_user_organization_name"],
        email=wanted["end_user_email"],
        origin_id=wanted.get("end_user_origin_id"),
    )
    integration.token = token
    environment.save_integration(integration)
    environment.world().change("connect_links", row, integration_id=integration.id)
    webhooks.integration_created(integration)
    return token


def fail(environment: Environment, webhooks: Webhooks, link: str, tool: str | None = None) -> None:
    """End a link's flow without a connection: sends `connection-flow-failed`."""
    row = find_link(environment, link)
    wanted: Record = row.data["wanted"]
    log_url = f"https://sandbox.localhost/connection-flows/{row.id}"
    if row.data["integration_id"] is not None:
        integration = environment.integration(row.data["integration_id"])
        customer = events.end_user(integration)
        data = events.connection_failed(integration.tool, integration.category, customer, log_url)
    else:
        tool = tool or next(iter(offered_tools(row.data)))
        customer = {
            "organization_name": wanted["end_user_organization_name"],
            "creator_email": wanted["end_user_email"],
            "origin_id": wanted.get("end_user_origin_id"),
        }
        category = wanted.get("integration_category") or category_of(tool)
        data = events.connection_failed(tool, category, customer, log_url)
    webhooks.emit("connection-flow-failed", data)
