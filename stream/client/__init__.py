"""Programs that read or write the topics: replay, watch, dead letters, status of an experiment, a model in a file.

For programs that speak to a gateway over HTTP: `Client` and `AsyncClient`, of the room `http`.
"""

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
