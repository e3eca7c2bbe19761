"""All operations, by Kombo's operationId."""

from kombo_async._generated.operations import REQUESTS

__all__ = ["REQUESTS"]
