"""Features of candidate × user × context, all within [0, 1]: the input of the ranker.

Every candidate is described by each source's score and rank, by its place in the user's history, by its category and
by its age. Times are counted in events where possible: logs differ by orders of magnitude in events per hour. What is
new since the user was last there (`NEW_SINCE`) tells a list made as they come back from one made when they left: both
are learned by one mixer; neither weights of their own nor a plain column that says which one it is are as good.
"""

from math import log
from typing import NamedTuple

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from learners import NEVER
from stream.ranking.levels import SHIFT, tabulate

PER_SOURCE = ("value", "rank", "log_value")
NEW_SINCE = "new_since"  # not in rows of a log of version 4
OWN = (
    "seen", "seen_times", "seen_rank", "seen_bought", "seen_clicked", "seen_early", "seen_in_session",
    "seen_x_repeat_rate", "last", "last_x_click", "last_x_purchase", "last_x_twice", "last_x_immediate_rate",
    "seen_recency", "seen_x_gap", "last_x_gap", "gap",
    "same_category", "category_share", "age", "idle", "trend", "agreement",
    "history", "depth", "repeat_rate", "after_click", "after_purchase", NEW_SINCE,
)  # fmt: skip
CROWD = ("popularity", "categories", "trending", "new_items")  # names of sources that score by what many users like
# Their columns are zero for items that the user has touched: there they mostly count the user's own events, which the
# user's own columns hold already; and in a frozen model they would miss the user's last events.
ZERO_IF_SEEN = ("popularity_fast", "covisitation", "sequential_rules")
SCORE = "score"  # the last column of a row: the mixer's score when the list was made
MAX_RANKS = 128  # proposals of a source, at most
RECENCY, SEEN_GAP, LAST_GAP, GAP = (OWN.index(name) for name in ("seen_recency", "seen_x_gap", "last_x_gap", "gap"))


class Joined(NamedTuple):
    """The proposals of all sources as one list of candidates."""

    items: NDArray[np.int32]  # [candidates]
    proposed: NDArray[np.int32]  # [sources, most]: by rank, which of the candidates a source proposed, -1: none
    lengths: NDArray[np.int64]  # [sources]: how many these are
    scores: NDArray[np.float32]  # [sources, >= candidates]
    places: NDArray[np.int32]  # [candidates]: place in the user's past (0: newest), -1: never seen


class Past(NamedTuple):
    """A user's items as the model numbers them, newest first."""

    items: NDArray[np.int32]
    counts: NDArray[np.int32]  # events on it
    bought: NDArray[np.float64]  # time of the last purchase of it, unix seconds; `NEVER` without one
    kinds: NDArray[np.uint8]  # of the last event on it
    times: NDArray[np.float64]  # of the last event on it, unix seconds


class Known(NamedTuple):
    """The catalogue's part of the features, for all items."""

    category: NDArray[np.int32]  # 0: unknown
    born: NDArray[np.int64]  # events before the item's first mention
    used: NDArray[np.int64]  # events until its last event, -1: none
    since: NDArray[np.float64]  # event time of its first mention, unix seconds
    events: int  # so far


class Moment(NamedTuple):
    """The user and the time, apart from any candidate."""

    kind: int  # of the last event, -1: none
    twice: bool  # whether the last two events were on the same item
    repeat_rate: float  # share of events on an item seen before
    immediate_rate: float  # share of events on the item of the event before
    events: float
    depth: float  # events of the session
    in_session: int  # so many of the user's newest items belong to the session
    gap: float  # seconds since the last event
    now: float  # event time, unix seconds


def feature_names(sources: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the columns that `describe` writes, given the sources' names.

    >>> feature_names(("popularity",))[:4]
    ('popularity_value', 'popularity_rank', 'popularity_log_value', 'seen')
    """
    return tuple(f"{source}_{part}" for source in sources for part in PER_SOURCE) + OWN


def initial_weights(sources: tuple[str, ...]) -> dict[str, float]:
    """First weights of the ranker: a fusion of the sources, so that untrained slates are useful already.

    Sources of `CROWD` have lower weights, since several of them score nearly the same. A user who takes an item twice
    in a row is expected to do so again: learning corrects that where it is wrong, while a frozen model that never saw
    it in training could not learn it.
    """
    weights = {source: 0.1 if source.startswith(CROWD) else 0.3 for source in sources}
    fusion = {f"{source}_{part}": weight for source, weight in weights.items() for part in ("value", "rank")}
    return fusion | {"seen_rank": 0.3, "last_x_twice": 6.0, "last_x_immediate_rate": 6.0}


@register_jitable
def byte(value: float) -> int:
    """A feature as the log stores it: one byte. Learning and serving read the same rounding."""
    return int(max(0.0, min(1.0, value)) * 255.0 + 0.5)


@njit(cache=True)
def _of_time(seconds: float) -> float:
    """From 0 for no time at all to 1 for six weeks, by the logarithm."""
    return log(1.0 + max(0.0, seconds)) / 15.0


def _nearness(value: float) -> int:
    """Of a share of the best score: its logarithm, cut off at e^-8."""
    return byte(1.0 + log(value) / 8.0)


def _lateness(number: float) -> int:
    """Of 1 + events ago: 1 for 0 events, falling with the logarithm."""
    return byte(1.0 / (1.0 + log(number) / 2.0))


_NEAR_FIRST, _NEAR, _NEAR_TURNS = tabulate(_nearness, -12, 0)
_LATE_FIRST, _LATE, _LATE_TURNS = tabulate(_lateness, 0, 62)
_RANKS = np.array([byte(1.0 / (1.0 + rank)) for rank in range(MAX_RANKS)], np.uint8)


@njit(cache=True)
def _best_of(scores: NDArray[np.float32]) -> float:
    """The best positive score, 0 without one: positive floats order by their bits, and whole numbers are quick."""
    found = np.zeros(1, np.float32)
    bits, best = scores.view(np.int32), np.int32(0)
    for n in range(len(bits)):
        best = max(best, bits[n])
    found.view(np.int32)[0] = best
    return np.float64(found[0])  # float() would leave it one of 32 bits


@njit(cache=True)
def _source_columns(joined: Joined, columns: NDArray[np.uint8], agreeing: NDArray[np.int64]) -> None:
    """Per source: score / best score, 1 / (1 + rank), and the logarithm of the first; count proposals of each."""
    count, scores = len(joined.items), joined.scores
    values = np.empty(count)
    bits = values.view(np.int64)
    for s in range(len(scores)):
        value, rank, log_value, score = columns[3 * s], columns[3 * s + 1], columns[3 * s + 2], scores[s]
        best = _best_of(score[:count])
        if best > 0.0:
            for c in range(count):  # these two loops are vectorised
                values[c] = max(score[c], np.float32(0.0)) / best
            for c in range(count):
                value[c] = np.int32(values[c] * 255.0 + 0.5)
            for c in range(count):
                group = max(0, (bits[c] >> SHIFT) - _NEAR_FIRST)  # the lowest group has byte 0
                log_value[c] = _NEAR[group] + (values[c] >= _NEAR_TURNS[group])
        for n in range(joined.lengths[s]):
            c = joined.proposed[s, n]
            if c >= 0:
                rank[c] = _RANKS[n]
                agreeing[c] += 1


@njit(cache=True)
def _late(ago: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The bytes of `_lateness` of 1 + events ago."""
    bits, found = ago.view(np.int64), np.empty(len(ago), np.uint8)
    for n in range(len(ago)):
        group = max(0, (bits[n] >> SHIFT) - _LATE_FIRST)
        found[n] = _LATE[group] - (ago[n] >= _LATE_TURNS[group])
    return found


@njit(cache=True)
def _shares(tastes: NDArray[np.int32]) -> NDArray[np.uint8]:
    """The share that the category of each of the user's last items has among them, each older one counting less."""
    weights, found = 0.8 ** np.arange(len(tastes)), np.empty(len(tastes), np.uint8)
    total = max(weights.sum(), 1.0)
    for q in range(len(tastes)):
        share = 0.0
        for other in range(len(tastes)):
            share += weights[other] * (tastes[other] == tastes[q])
        found[q] = byte(share / total)
    return found


@njit(cache=True)
def _seen_columns(past: Past, place: int, moment: Moment, row: NDArray[np.uint8]) -> None:
    row[0], row[1] = 255, byte(log(1.0 + past.counts[place]) / 3.0)
    row[2], row[3], row[4] = (
        byte(1.0 / (1.0 + place)),
        255 * (past.bought[place] > NEVER),
        255 * (past.kinds[place] == 1),
    )
    row[5], row[6] = byte(1.0 / (1.0 + moment.depth)), 255 * (place < moment.in_session)
    row[7] = byte(moment.repeat_rate)
    if place == 0:
        row[8], row[9], row[10] = 255, 255 * (moment.kind == 1), 255 * (moment.kind == 2)
        row[11], row[12] = 255 * moment.twice, byte(moment.immediate_rate)


@njit(cache=True)
def retime(
    times: NDArray[np.float64], places: NDArray[np.int32], gap: float, now: float, own: NDArray[np.uint8]
) -> None:
    """Write the columns that depend on the time of the event.

    `times` are those of the past, `own` starts at the user's columns.
    """
    waited = byte(_of_time(gap))
    for c in range(len(places)):
        place, row = places[c], own[c]
        row[GAP] = waited
        if place >= 0:
            row[RECENCY] = byte(1.0 - _of_time(now - times[place]))
            row[SEEN_GAP] = waited
            row[LAST_GAP] = waited if place == 0 else 0


@njit(cache=True)
def describe(
    joined: Joined,
    past: Past,
    recent: NDArray[np.int32],  # [recent]: the user's last items, newest first, for their categories
    known: Known,
    moment: Moment,
    zero_if_seen: NDArray[np.int64],  # numbers of the sources of `ZERO_IF_SEEN`
    columns: NDArray[np.uint8],  # [features + 1, >= candidates], times 255
) -> None:
    """Write the features, as in `feature_names`; the last column is left for the mixer's score.

    Candidate by candidate within each column: most of this is done for many candidates at once.
    """
    items, _, _, scores, places = joined
    count, sources = len(items), len(scores)
    usual, agreeing = _of_user(moment, len(columns), 3 * sources), np.zeros(count, np.int64)
    for f in range(len(columns)):
        columns[f, :count] = usual[f]
    _source_columns(joined, columns, agreeing)
    own = columns[3 * sources :]
    retime(past.times, places, moment.gap, moment.now, own.T)
    category, born, used, events = known.category, known.born, known.used, known.events + 1
    left = moment.now - moment.gap if moment.events > 0 else moment.now  # when the user was last there
    tastes = category[recent]
    shares, agreement = _shares(tastes), np.empty(sources + 1, np.uint8)
    for s in range(sources + 1):
        agreement[s] = byte(s / sources)
    ages, idles = np.empty(count), np.empty(count)
    for c in range(count):
        ages[c], idles[c] = events - born[items[c]], events - used[items[c]]
    age, idle, same, share, trend = own[19], own[20], own[17], own[18], own[21]
    age[:count], idle[:count] = _late(ages), _late(idles)
    for c in range(count):
        own[22, c], own[28, c] = agreement[agreeing[c]], 255 * (known.since[items[c]] > left)
        taste = category[items[c]]
        for q in range(len(tastes) if taste > 0 else 0):
            if tastes[q] == taste:
                same[c], share[c] = 255 * (q == 0), shares[q]
                break
    for c in range(count):
        if places[c] >= 0:
            idle[c] = 0
            _seen_columns(past, places[c], moment, own[:, c])
            for s in zero_if_seen:
                columns[3 * s : 3 * s + 3, c] = 0
        else:
            idle[c] *= used[items[c]] >= 0
            trend[c] = byte(scores[1, c] / scores[0, c]) if scores[0, c] > 0 else 0


@njit(cache=True)
def _of_user(moment: Moment, columns: int, first: int) -> NDArray[np.uint8]:
    """What so many columns, the user's from `first` on, hold whatever the candidate is."""
    row = np.zeros(columns, np.uint8)
    own = row[first:]
    own[23], own[24] = byte(log(1.0 + moment.events) / 6.0), byte(log(1.0 + moment.depth) / 4.0)
    own[25], own[26], own[27] = byte(moment.repeat_rate), 255 * (moment.kind == 1), 255 * (moment.kind == 2)
    return row
