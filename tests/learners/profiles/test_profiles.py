import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learners import CLICK, PURCHASE, VIEW
from learners.profiles.profiles import (
    EMPTY,
    NAMES,
    TASTES,
    Touch,
    category_share,
    describe,
    price_closeness,
    quantise,
    unpack,
    update,
)

HOUR = 3_600.0


def _profile(*touches: Touch) -> bytes:
    profile = EMPTY
    for touch in touches:
        profile = update(profile, touch)
    return profile


def _described(profile: bytes) -> dict[str, float]:
    return dict(zip(NAMES, describe(profile), strict=True))


def test_a_profile_by_hand() -> None:
    found = _described(
        _profile(
            Touch(CLICK, 6 * HOUR, 3, price=math.e**4 - 1, new_session=True),
            Touch(PURCHASE, 6 * HOUR, 3, price=math.e**6 - 1, repeated=True),
        )
    )
    keep = 2 ** (-1 / 50)  # of the first event, when the second came
    n = 1 + keep
    mean = (4 * keep + 6) / n
    assert found == pytest.approx(
        {
            "experience": n / (n + 10), "depth": math.log1p(n / keep) / 4, "click_rate": keep / (n + 1),
            "purchase_rate": 1 / (n + 1), "repeat_rate": 1 / (n + 1), "price": mean / 12,
            "price_spread": math.sqrt((16 * keep + 36) / n - mean**2) / 3, "spend": 6 / 12, "concentration": 1,
            "gap": 0, "hour_cos": 0.5, "hour_sin": 0.5 + 0.5 * n / (n + 1),
        },
        abs=1e-6,
    )  # fmt: skip


def test_a_user_without_events() -> None:
    assert {name: value for name, value in _described(EMPTY).items() if value} == {"hour_cos": 0.5, "hour_sin": 0.5}
    assert category_share(unpack(EMPTY), 0) == category_share(unpack(EMPTY), 5) == 0
    assert price_closeness(unpack(EMPTY), 10.0) == 0.5


def test_old_events_decay() -> None:
    young = _profile(*[Touch(CLICK, 0.0)] * 100)
    assert _described(young)["click_rate"] > 0.95
    half = _profile(*[Touch(CLICK, 0.0)] * 500, *[Touch(VIEW, 0.0)] * 50)
    assert _described(half)["click_rate"] == pytest.approx(0.5, abs=0.01)


def test_gaps_between_sessions_and_late_events() -> None:
    profile = _profile(Touch(VIEW, 1e6, new_session=True), Touch(VIEW, 1e6 + 60), Touch(VIEW, 2e6, new_session=True))
    assert _described(profile)["gap"] == pytest.approx(math.log1p(1e6 - 60) / 16, abs=1e-4)
    late = update(profile, Touch(VIEW, 1.5e6))
    assert unpack(late).time == 2e6
    assert _described(late)["gap"] == _described(profile)["gap"]
    again = update(late, Touch(VIEW, 1.6e6, new_session=True))  # a session that began before: no time between
    assert unpack(again).gaps == pytest.approx(0.8 * unpack(late).gaps)


def test_tastes_are_shares_and_the_smallest_is_replaced() -> None:
    sums = unpack(_profile(*[Touch(VIEW, 0.0, category) for category in (9, 9, 9, 1, 2, 3, 0)]))
    assert category_share(sums, 9) > 2.5 * category_share(sums, 1) > 0
    assert sum(category_share(sums, category) for category in sums.categories) == pytest.approx(1)
    sums = unpack(_profile(*[Touch(VIEW, 0.0, category) for category in (9, 9, 9, 1, 2, 3, 4)]))
    assert set(sums.categories) == {9, 2, 3, 4}
    assert category_share(sums, 1) == 0
    one = _described(_profile(*[Touch(VIEW, 0.0, 9)] * 5))["concentration"]
    assert one > _described(_profile(*[Touch(VIEW, 0.0, n % 2 + 1) for n in range(6)]))["concentration"]


def test_closeness_is_highest_at_the_usual_price() -> None:
    sums = unpack(_profile(*[Touch(VIEW, 0.0, price=price) for price in (10.0, 20.0, 15.0)]))
    usual = math.exp(sums.prices / sums.priced) - 1
    assert price_closeness(sums, usual) == 1
    assert 1 > price_closeness(sums, 20.0) > price_closeness(sums, 50.0) > price_closeness(sums, 500.0) >= 0
    assert price_closeness(sums, None) == price_closeness(sums, -1.0) == 0.5


@given(
    st.lists(
        st.builds(
            Touch, st.sampled_from([VIEW, CLICK, PURCHASE]), st.floats(-1e10, 1e11), st.integers(0, 2**32 - 1),
            st.none() | st.floats(), st.booleans(), st.booleans(),
        ),
        max_size=30,
    )
)  # fmt: skip
def test_profiles_stay_small_and_in_range(touches: list[Touch]) -> None:
    profile = _profile(*touches)
    assert len(profile) == (60 + 8 * TASTES if touches else 0) <= 100
    vector = describe(profile)
    assert all(0 <= value <= 1 for value in vector)
    assert all(abs(byte / 255 - value) <= 0.5 / 255 + 1e-9 for byte, value in zip(quantise(vector), vector))
    assert sum(category_share(unpack(profile), n) for n in unpack(profile).categories) <= 1 + 1e-6
