"""Search in titles: which sequences of one to three characters occur where, kept up to date title by title.

A query looks up its rarest sequence and compares only the titles that have it, so its work grows with the titles that
almost match, not with the catalogue.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from learners.content.words import fold

INDEXED = 256  # characters of a title that are searched, and of a query
GRAM = 3  # characters of the longest sequences
STEP = 200  # titles compared until a search pauses
BUCKETS = 1 << 18  # of sequences, by hash: however strange the titles are, memory is 4 bytes a sequence and title


def folded(text: str) -> str:
    """A text as it is compared: as the words of titles are, without capitals, accents and other variants.

    >>> folded("Ｔｏｙ STRASSE ﬁ, Théière, İzmir") == folded("toy straße fi, theiere, izmir")
    True
    """
    return fold(text[:INDEXED])[:INDEXED]


def _buckets(text: str, shortest: int = 1) -> set[int]:
    """Where the sequences of a text are noted."""
    return {
        hash(text[n : n + size]) % BUCKETS for size in range(shortest, GRAM + 1) for n in range(len(text) - size + 1)
    }


class Titles:
    """The titles of the catalogue.

    >>> titles = Titles()
    >>> titles.put("m1", "Enamel Mug"), titles.put("m2", "Mugwort tea"), titles.put("t", "Teapot")
    (None, None, None)
    >>> [found for found in titles.search("MUG") if found]
    ['m1', 'm2']
    """

    def __init__(self) -> None:
        self.compared = 0  # titles, by all searches: the measure of their work
        self._next = 0
        self._number: dict[str, int] = {}  # of each item: a new one with each new title
        self._titles: dict[int, tuple[str, str]] = {}  # number -> item and title
        self._places: list[array[int] | None] = [None] * BUCKETS  # the numbers of the titles, ascending

    def __len__(self) -> int:
        return len(self._number)

    def put(self, item_id: str, title: str) -> None:
        """Take in a title, new or changed."""
        text = folded(title)
        before = self._number.get(item_id)
        if before is not None:
            if self._titles[before][1] == text:
                return
            self.drop(item_id)
        number = self._number[item_id] = self._next
        self._next += 1
        self._titles[number] = item_id, text
        for bucket in _buckets(text):
            places = self._places[bucket]
            if places is None:
                self._places[bucket] = array("I", (number,))
            else:
                places.append(number)

    def drop(self, item_id: str) -> None:
        """Remove a title."""
        number = self._number.pop(item_id, None)
        if number is None:
            return
        for bucket in _buckets(self._titles.pop(number)[1]):
            places = self._places[bucket]
            if places is not None:
                del places[bisect_left(places, number)]
                if not places:
                    self._places[bucket] = None

    def search(self, query: str) -> Iterator[str | None]:
        """Ids of items whose title contains a text, the oldest title first; None where the caller should pause.

        Titles may change meanwhile.
        """
        text = folded(query)
        buckets = _buckets(text, min(GRAM, len(text)))
        if not buckets:
            return
        bucket = min(buckets, key=lambda each: len(self._places[each] or ()))
        last, steps = -1, 0
        while True:
            places = self._places[bucket]
            at = 0 if places is None else bisect_right(places, last)  # anew, since titles may have gone in a pause
            if places is None or at == len(places):
                return
            last = places[at]
            item_id, title = self._titles[last]
            self.compared += 1
            steps += 1
            if text in title:
                yield item_id
            if steps % STEP == 0:
                yield None
