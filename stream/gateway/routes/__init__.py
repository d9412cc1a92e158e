"""All requests, by subject: beside each handler stand its scope, parameters, body, answers and examples."""

from stream.gateway.routes.events import EVENTS
from stream.gateway.routes.items import ITEMS
from stream.gateway.routes.lists import LISTS
from stream.gateway.routes.service import SERVICE
from stream.gateway.routes.users import USERS

ROUTES = (*USERS, *ITEMS, *LISTS, *EVENTS, *SERVICE)

__all__ = ["ROUTES"]
