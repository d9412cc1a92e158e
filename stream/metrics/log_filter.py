"""Limits repeated log lines: Kafka clients repeat theirs a hundred times a second while a broker is unreachable."""

import logging

CLIENTS = "aiokafka"
PERIOD_S = 10.0
MAX_KINDS = 500  # remembered; with more of them all are forgotten


class Repeats(logging.Filter):
    """Lets one line of each kind through in ten seconds, with the number of those held back before it.

    A kind is a logger and a message before its arguments are filled in.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kinds: dict[tuple[str, str], tuple[float, int]] = {}  # shown at, held back since

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to show it."""
        kind = (record.name, str(record.msg))
        shown_at, held_back = self._kinds.get(kind, (-PERIOD_S, 0))
        if 0.0 <= record.created - shown_at < PERIOD_S:
            self._kinds[kind] = (shown_at, held_back + 1)
            return False
        if len(self._kinds) >= MAX_KINDS:
            self._kinds.clear()
        self._kinds[kind] = (record.created, 0)
        if held_back:
            record.msg, record.args = f"{record.getMessage()} (and {held_back} like it)", ()
        return True


def hold_back_repeats() -> None:
    """Limit the lines of this process's Kafka clients, which must be imported by now."""
    repeats = Repeats()
    for name in sorted(logging.Logger.manager.loggerDict):
        if name.split(".")[0] == CLIENTS:
            logging.getLogger(name).addFilter(repeats)
