"""In which state a policy decides: how deep a session is, and how well its user is known."""

from numba.extending import register_jitable

STATES = 12


@register_jitable
def session_state(depth: int, events: int) -> int:
    """State in [0, 12): events of the session {1, 2-3, 4-6, 7+} x known events of the user {<5, 5-24, 25+}.

    Examples
    --------
    >>> session_state(1, 1), session_state(9, 99)
    (0, 11)
    """
    return int(3 * ((depth > 1) + (depth > 3) + (depth > 6)) + (events >= 5) + (events >= 25))
