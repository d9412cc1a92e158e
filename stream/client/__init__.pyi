from stream.client.http import AsyncClient as AsyncClient
from stream.client.http import Client as Client
from stream.client.http import GatewayError as GatewayError
from stream.client.http import NoAnswerError as NoAnswerError
from stream.client.http import Patience as Patience
from stream.client.http import ProblemError as ProblemError
from stream.client.http import Versioned as Versioned

__all__ = ["AsyncClient", "Client", "GatewayError", "NoAnswerError", "Patience", "ProblemError", "Versioned"]
