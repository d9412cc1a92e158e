"""A client of the gateway, with types: `Client` blocks, `AsyncClient` is awaited.

`calls` says what is sent and how answers are read, `retries` when a request is sent again; the two clients send it.
Docs: docs/clients.md.
"""

from stream.client.http.async_client import AsyncClient
from stream.client.http.call import Call, Versioned
from stream.client.http.client import Client
from stream.client.http.errors import GatewayError, NoAnswerError, ProblemError
from stream.client.http.retries import Patience

__all__ = ["AsyncClient", "Call", "Client", "GatewayError", "NoAnswerError", "Patience", "ProblemError", "Versioned"]
