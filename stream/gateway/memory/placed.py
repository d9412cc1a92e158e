"""The newest slates of placements beside home, by user and placement, as they came."""

import msgspec
from cachetools import FIFOCache

from stream.gateway.memory.bounded import Bounded
from stream.records.schemas import Recommendation

MAX_PLACEMENTS = 100  # names that are remembered, to forget a user at each
_SLATE = msgspec.json.Decoder(Recommendation)


class PlacedSlates:
    """A store with a bound.

    Parameters
    ----------
    max_bytes : beyond, those that were asked for longest ago are dropped

    >>> PlacedSlates(1e6).newest("ada", "cart") is None
    True
    """

    def __init__(self, max_bytes: float) -> None:
        self.slates = Bounded[bytes](max_bytes, len, self._drop_epoch)  # by key, as on recommendations.placements
        self._epochs: dict[str, int] = {}
        self._names: FIFOCache[str, None] = FIFOCache(MAX_PLACEMENTS)

    def take(self, key: str, record: bytes | None) -> Recommendation | None:
        """Take in a record; None for a tombstone and for a slate of a fenced owner."""
        self._names[key.rpartition("/")[2]] = None
        if record is None:
            self._drop(key)
            return None
        slate = _SLATE.decode(record)
        if slate.epoch < self._epochs.get(key, -1):
            return None
        self.slates[key], self._epochs[key] = record, slate.epoch
        return slate

    def newest(self, user_id: str, placement: str) -> Recommendation | None:
        """A user's newest slate of a placement."""
        record = self.slates.get(f"{user_id}/{placement}")
        return None if record is None else _SLATE.decode(record)

    def forget(self, user_id: str) -> None:
        """Delete all slates of a user."""
        for name in list(self._names):
            self._drop(f"{user_id}/{name}")

    def _drop(self, key: str) -> None:
        self.slates.pop(key, None)
        self._drop_epoch(key)

    def _drop_epoch(self, key: str) -> None:
        self._epochs.pop(key, None)
