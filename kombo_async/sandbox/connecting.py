"""The connection flow as the customer sees it: what a link does when it is followed to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kombo_async.sandbox.answers import NotFound
from kombo_async.sandbox.ids import make_id
from kombo_async.sandbox.store import Record, Row
from kombo_async.sandbox.tools import Category, category_of, tools

if TYPE_CHECKING:
    from kombo_async.sandbox.sandbox import Sandbox


def find_link(sandbox: Sandbox, link: str) -> Row:
    """What was kept of a link, or of the token at its end. Raises `NotFound`."""
    token = link.rstrip("/").rpartition("/")[2]
    for row in sandbox.world().table("connect_links").where("token", token):
        return row
    raise NotFound("connection link", token)


def offered_tools(link: Record) -> dict[str, str]:
    """The tools that a customer may choose from, with their labels."""
    wanted: Record = link["wanted"]
    if wanted.get("integration_tool"):
        return {wanted["integration_tool"]: wanted["integration_tool"]}
    category: Category | None = wanted.get("integration_category")
    categories: tuple[Category, ...] = (category,) if category else ("HRIS", "ATS", "ASSESSMENT", "LMS")
    return {name: label for each in categories for name, label in tools(each).items()}


def follow(sandbox: Sandbox, link: str, tool: str | None = None) -> str:
    """Go through with a link: connect *tool* (or the first that is offered). Gives the token of the connection.

    Raises `ValueError` for a tool that the link does not offer.
    """
    row = find_link(sandbox, link)
    token = make_id(sandbox.seed, "connection", row.id)
    if row.data["integration_id"] is not None:
        integration = sandbox.integration(row.data["integration_id"])
        integration.authenticated = integration.setup_complete = True
        integration.token = token
        sandbox.save_integration(integration)
        sandbox.webhooks.state_changed(integration)
        return token
    wanted: Record = row.data["wanted"]
    offered = offered_tools(row.data)
    tool = tool or next(iter(offered))
    if tool not in offered:
        raise ValueError(f"tool: the link offers {', '.join(offered)}")
    integration = sandbox.add_integration(
        f"{tool}:{make_id(sandbox.seed, 'connected', row.id)}",
        category=wanted.get("integration_category") or category_of(tool),
        organization=wanted["end_user_organization_name"],
        email=wanted["end_user_email"],
        origin_id=wanted.get("end_user_origin_id"),
    )
    integration.token = token
    sandbox.save_integration(integration)
    sandbox.world().change("connect_links", row, integration_id=integration.id)
    sandbox.webhooks.integration_created(integration)
    return token
