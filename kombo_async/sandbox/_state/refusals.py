"""Why a call is refused: raised anywhere, and turned into Kombo's error body."""

from __future__ import annotations

from collections.abc import Mapping


class Refusal(Exception):
    """Raised to refuse a call; it becomes Kombo's error body."""

    def __init__(
        self,
        status: int,
        code: str | None,
        message: str,
        *,
        title: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.title = title
        self.headers: dict[str, str] = dict(headers or {})


class UnknownId(Refusal):
    """Refuses an unknown ID."""

    def __init__(self, what: str, id: str) -> None:
        # Kombo lists no code for this; it documents the 404.
        super().__init__(404, None, f"There is no {what} with the ID {id!r}.", title="Not found")


class InputInvalid(Refusal):
    """Refuses input that does not fit the operation."""

    def __init__(self, message: str) -> None:
        super().__init__(400, "PLATFORM.INPUT_INVALID", message, title="Invalid input")


class RemoteRefusal(Refusal):
    """Refuses input as the connected system would."""

    def __init__(self, message: str) -> None:
        super().__init__(400, "REMOTE.INPUT_INVALID", message, title="Refused by the connected system")
