"""What was paid: price is per unit, quantity multiplies it, and a negative one of the two is a return.

The log keeps the amount of a purchase as one number. Of a return it is below zero, or -0.0 where nothing is known of
the price: the sign alone says that something came back.
"""

import math

from stream.records.schemas import KINDS, MAX_PRICE, MAX_QUANTITY, Event, EventType

PURCHASE = KINDS.index("purchase")


def amount(event: Event, kind: EventType) -> float | None:
    """What an event says was paid: price x quantity of a purchase, the price of anything else; None: it says nothing.

    >>> amount(Event(event_id="e", user_id="u", item_id="i", timestamp=1e9, price=10.0, quantity=3), "purchase")
    30.0
    >>> amount(Event(event_id="e", user_id="u", item_id="i", timestamp=1e9, quantity=-1), "purchase")
    -0.0
    """
    if kind != "purchase":
        return event.price
    returned = (event.price or 0.0) < 0.0 or (event.quantity or 1.0) < 0.0
    if event.price is None:
        return -0.0 if returned else None
    paid = event.price if event.quantity is None else event.price * event.quantity
    return -abs(paid) if returned else paid


def units(event: Event, kind: EventType) -> float:
    """By how many units the amount of an event is divided for the price of one."""
    return abs(event.quantity) if kind == "purchase" and event.quantity else 1.0


def is_return(kind: int, price: float | None) -> bool:
    """Whether a logged event takes a purchase back."""
    return kind == PURCHASE and price is not None and math.copysign(1.0, price) < 0.0


def revenue(kind: int, price: float | None) -> float:
    """The amount of a logged purchase, of a return below zero; 0 where it is unknown or no sum could bear it.

    Old logs may hold such amounts: they were taken in before there was a bound.

    >>> revenue(PURCHASE, 30.0), revenue(PURCHASE, 1e308)
    (30.0, 0.0)
    """
    return price if kind == PURCHASE and price is not None and -MAX_PRICE <= price <= MAX_PRICE else 0.0


def fault(event: Event, kind: EventType) -> str | None:
    """What is wrong with an event's price and quantity, in words; None: nothing."""
    if event.quantity == 0.0:
        return f"`quantity` must not be 0: above it for what was bought, below it for a return, up to {MAX_QUANTITY:g}"
    if kind != "purchase" and (event.price or 0.0) < 0.0:
        return f"`price` must be at least 0, except of a purchase that is returned; got {event.price!r}"
    if kind != "purchase" and (event.quantity or 0.0) < 0.0:
        return f"`quantity` must be above 0, except of a purchase that is returned; got {event.quantity!r}"
    if abs(amount(event, kind) or 0.0) > MAX_PRICE:
        return f"`price` x `quantity` must be at most {MAX_PRICE:g}; got {event.price!r} x {event.quantity!r}"
    return None
