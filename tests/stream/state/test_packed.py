"""Blocks as snapshots hold them."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from learners.profiles.profiles import PROFILE_BYTES
from stream.state.packed import MAX_BYTES, packed, unpacked
from stream.state.user_block import EVENT_IDS, SEEN_ITEMS, columns, grown, new_block
from stream.state.user_kernels import GROW, NEW, take

T = 1_700_000_000.0
FIELDS = (
    "floats", "event_ids", "times", "bought", "items", "counts", "session", "kinds",
)  # fmt: skip


def lived(life: list[tuple[int, int]], rows: int = 1) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """The block of a user with events on items, one a second; the first are of 300 different ones if `rows` says so."""
    block = new_block(rows, rows)
    for n, (item, kind) in enumerate(life):
        event = (n - 2**62, item, kind, T + n, -1, 1800.0, n % 5 > 0, n % 7, float(n))
        if take(block, *event)[0] == GROW:
            block = grown(block)
            take(block, *event)
    return block


LIFE = st.lists(st.tuples(st.integers(0, 250), st.integers(0, 2)), max_size=40)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(LIFE, st.sampled_from([0, 3, EVENT_IDS, 300]))
def test_a_block_is_read_back_as_it_was(life: list[tuple[int, int]], before: int) -> None:
    block = lived([*((n % 220, n % 3) for n in range(before)), *life])
    at = columns(block)
    rows = int(at.ints[5])
    again = unpacked(packed(block))
    assert packed(again)[0] == packed(block)[0]
    assert bytes(again[64 : 64 + PROFILE_BYTES]) == bytes(block[64 : 64 + PROFILE_BYTES])
    other = columns(again)
    assert other.ints[:8].tolist() == at.ints[:8].tolist()
    for name in ("floats", "times", "bought", "items", "counts", "kinds"):
        wanted = getattr(at, name) if name == "floats" else getattr(at, name)[:rows]
        assert np.array_equal(getattr(other, name), wanted), name
    assert sorted(other.event_ids.tolist()) == sorted(at.event_ids[: at.ints[7]].tolist())
    assert np.array_equal(other.session[: at.ints[6]], at.session[: at.ints[6]])


def test_a_block_that_was_read_back_goes_on_like_the_first() -> None:
    life = [(n * n % 230, n % 3) for n in range(EVENT_IDS + 90)]
    block = lived(life)
    again = unpacked(packed(block))
    for n in range(300):
        for each in (0, 1):
            event = (n, n * 7 % 260, n % 3, T + 400 + n, -1, 1800.0, True, 1, 2.0)
            of = (block, again)[each]
            if take(of, *event)[0] == GROW:
                of = grown(of)
                take(of, *event)
            block, again = (of, again) if each == 0 else (block, of)
        assert packed(again)[0] == packed(block)[0]


def test_room_and_numbers_do_not_show() -> None:
    life = [(n % 9, n % 3) for n in range(30)]
    small, large = packed(lived(life)), packed(lived([(item + 70, kind) for item, kind in life], SEEN_ITEMS))
    assert small[0] == large[0]
    assert [number + 70 for number in small[1]] == large[1]


def test_one_event_takes_few_bytes() -> None:
    assert len(packed(new_block(1, 1))[0]) == 16 + 8 + 1
    block = new_block(1, 1)
    assert take(block, 1, 5, 2, T, -1, 1800.0, True, 3, 4.0)[0] == NEW
    assert len(packed(block)[0]) == 16 + 8 + 1 + PROFILE_BYTES + 8 + (8 + 1 + 1 + 1 + 8) + 1


def test_the_longest_life_has_room() -> None:
    block = lived([(n % SEEN_ITEMS, 2) for n in range(4 * SEEN_ITEMS)])
    columns(block).counts[:] = columns(block).ints[:5] = 2**31 - 1
    found = packed(block)
    assert (len(found.data), found.room) == (MAX_BYTES - 10, EVENT_IDS)  # rows, session and ids are small numbers
    assert packed(unpacked(found)) == found
