"""Programs that read or write the topics: replay, watch, dead letters, status of an experiment, a model in a file.

For programs that speak to a gateway over HTTP: `Client` and `AsyncClient`, of the room `http`. They are imported when
they are first asked for: commands that speak to Kafka need no HTTP.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stream.client.http import (
        AsyncClient,
        Client,
        GatewayError,
        NoAnswerError,
        Patience,
        ProblemError,
        Versioned,
    )

__all__ = ["AsyncClient", "Client", "GatewayError", "NoAnswerError", "Patience", "ProblemError", "Versioned"]


def __getattr__(name: str) -> Any:
    """Import what is asked for from the room `http`."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("stream.client.http"), name)
