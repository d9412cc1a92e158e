"""How a worker takes over a source: claim it in the log, then fold the log up to that claim.

1. write `claim(source)` with a token of one's own
2. read the log from its start to the first copy of that token; its offset is the claim's `base`
3. apply the accepted batches of the source on the way: users, input positions and watermark, exact at `base`

No input event is ever processed a second time as a "replay": what the log accepted before `base` is taken from the
log, and what it did not accept is read again from the input.
"""

from collections.abc import Iterable
from typing import NamedTuple

from stream.log import Acceptance, Batch, Claim, ItemChange, Message
from stream.users import Users, apply


class Recovered(NamedTuple):
    """A source as the fold of the log up to the claim `base` has it."""

    base: int
    users: Users
    next: dict[str, int]
    watermark: float


class Recovery:
    """Folds the log for the sources that are being claimed, until each of their claims is met.

    Parameters
    ----------
    tokens : source -> token of the claim that was written for it
    """

    def __init__(self, tokens: dict[str, str], session_gap_s: float) -> None:
        self.tokens, self.session_gap_s = tokens, session_gap_s
        self.done: dict[str, Recovered] = {}
        self._rules = Acceptance()
        self._users: dict[str, Users] = {source: {} for source in tokens}

    def read(self, messages: Iterable[tuple[int, Message]]) -> bool:
        """Fold more of the log, as (offset, message); True when every claim has been met."""
        for offset, message in messages:
            verdict = self._rules.judge(message, offset)
            source = message.source
            if source not in self.tokens or source in self.done:
                continue
            if isinstance(message, Claim):
                if message.token == self.tokens[source]:
                    state = self._rules.sources[source]
                    self.done[source] = Recovered(offset, self._users[source], dict(state.next), state.watermark)
            elif verdict == "accepted":
                self._apply(source, message)
        return len(self.done) == len(self.tokens)

    def _apply(self, source: str, batch: Batch) -> None:
        for record in batch.records:
            if not isinstance(record, ItemChange):
                apply(self._users[source], record, self.session_gap_s)
