"""The connection flow as the customer sees it: what a link does when it is followed to its end."""

from __future__ import annotations

from kombo_async.sandbox._state.environment import Environment
from kombo_async.sandbox._state.ids import make_id
from kombo_async.sandbox._state.refusals import UnknownId
from kombo_async.sandbox._state.store import Record, StoredRecord
from kombo_async.sandbox._state.tools import Category, category_of, tools
from kombo_async.sandbox._state.webhooks import Webhooks


def find_link(environment: Environment, link: str) -> StoredRecord:
    """What was kept of a link, or of the token at its end. Raises `UnknownId`."""
    token = link.rstrip("/").rpartition("/")[2]
    for row in environment.world().table("connect_links").where("token", token):
        return row
    raise UnknownId("connection link", token)


def offered_tools(link: Record) -> dict[str, str]:
    """The tools that a customer may choose from, with their labels."""
    wanted: Record = link["wanted"]
    if wanted.get("integration_tool"):
        return {wanted["integration_tool"]: wanted["integration_tool"]}
    category: Category | None = wanted.get("integration_category")
    categories: tuple[Category, ...] = (category,) if category else ("HRIS", "ATS", "ASSESSMENT", "LMS")
    return {name: label for each in categories for name, label in tools(each).items()}


def follow(environment: Environment, webhooks: Webhooks, link: str, tool: str | None = None) -> str:
    """Go through with a link: connect *tool* (or the first that is offered). Gives the token of the connection.

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
