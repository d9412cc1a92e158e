"""One line for every request that writes or is refused: who, with which scope, what, and the outcome."""

import json
import logging

from stream.gateway.guard.limits import Buckets

SAFE = {"GET", "HEAD", "OPTIONS"}
REFUSED = {401, 403, 421, 429}
MAX_REFUSED = 20.0  # lines a second about refused requests; the others are counted

log = logging.getLogger(__name__)


class Audit:
    """Writes the lines; keys and tokens are never in them."""

    def __init__(self) -> None:
        self._bucket = Buckets(MAX_REFUSED, MAX_REFUSED)
        self._left_out = 0

    def note(self, name: str, address: str, scope: str, request: tuple[str, str], status: int, now: float) -> None:
        """One request was answered.

        Parameters
        ----------
        name : of the caller, empty if unknown
        request : method and route, with the names of ids in place of ids
        now : seconds of a steady clock
        """
        method, route = request
        if status in REFUSED:
            if self._bucket.take("refused", now):
                self._left_out += 1
                return
        elif method in SAFE:
            return
        fields = {"name": name, "address": address, "scope": scope, "method": method, "route": route, "status": status}
        if self._left_out and status in REFUSED:
            fields["left_out"], self._left_out = self._left_out, 0
        log.info("audit %s", json.dumps(fields))
