import os
import random
import subprocess
import sys
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest
from river.cluster import KMeans

from learners.profiles.profiles import NAMES
from learners.profiles.segments import Segments

WIDTH = len(NAMES)
ROOT = Path(__file__).parents[3]


def _profiles(n: int, name: str = "profiles") -> list[bytes]:
    """Users of four kinds, each near its own corner."""
    rng = random.Random(f"{name}/test_segments")
    corners = [[rng.choice((40, 210)) for _ in range(WIDTH)] for _ in range(4)]
    return [bytes(max(0, min(255, int(rng.gauss(x, 25)))) for x in rng.choice(corners)) for _ in range(n)]


def _taught(segments: Segments, profiles: list[bytes]) -> Segments:
    for n, profile in enumerate(profiles):
        segments.learn_one(profile, {"country": ("NL", "DE")[n % 2], "age": 20.0 + n % 50})
    return segments


def _digest(segments: Segments) -> str:
    digest = blake2b(digest_size=8)
    for name, array in segments.state().items():
        digest.update(name.encode() + array.tobytes())
    return digest.hexdigest()


def test_predictions_equal_rivers() -> None:
    segments = _taught(Segments(), _profiles(400))
    found = [segments.predict_one(profile) for profile in _profiles(400, "others")]
    assert found == [
        segments._river.predict_one({n: byte / 255 for n, byte in enumerate(profile)})
        for profile in _profiles(400, "others")
    ]
    assert len(set(found)) >= 4


def test_centres_are_those_of_river_started_at_the_first_profiles() -> None:
    profiles = list(dict.fromkeys(_profiles(60)))  # too few for any segment to be deserted
    river: Any = KMeans(n_clusters=3, halflife=0.05)
    for segment, profile in enumerate(profiles[:3]):
        for n, byte in enumerate(profile):
            river.centers[segment][n] = byte / 255
    for profile in profiles[3:]:
        river.learn_predict_one({n: byte / 255 for n, byte in enumerate(profile)})
    centers = _taught(Segments(3), profiles).state()["centers"]
    assert centers.tolist() == [[river.centers[segment][n] for n in range(WIDTH)] for segment in range(3)]


def test_users_of_a_kind_share_a_segment() -> None:
    rng = random.Random("kinds/test_segments")
    segments = Segments(segments=2)
    low, high = ([bytes(rng.randrange(a, a + 60) for _ in range(WIDTH)) for _ in range(50)] for a in (20, 160))
    for one, other in zip(low, high):
        segments.learn_one(one)
        segments.learn_one(other)
    assert {segments.predict_one(profile) for profile in low} == {0}
    assert {segments.predict_one(profile) for profile in high} == {1}


def test_a_deserted_segment_starts_again_where_profiles_are_badly_described() -> None:
    segments, (low, high, new) = Segments(segments=2), (bytes([level] * WIDTH) for level in (20, 90, 240))
    segments.learn_one(high)
    for _ in range(400):  # no user is like the first one any more
        segments.learn_one(low)
    before = segments.predict_one(low)
    for _ in range(10):
        segments.learn_one(new)
    assert segments.predict_one(low) == before != segments.predict_one(new)
    centers = segments.state()["centers"]
    assert centers[segments.predict_one(new)].tolist() == pytest.approx([240 / 255] * WIDTH)


def test_nothing_is_predicted_before_the_first_session() -> None:
    assert Segments().predict_one(bytes(WIDTH)) == Segments().predict_cold({"country": "NL"}) == -1


def test_a_restored_copy_predicts_and_learns_alike_and_apart() -> None:
    segments = _taught(Segments(), _profiles(300))
    twin = Segments()
    twin.restore(segments.state())
    before = _digest(segments)
    others = _profiles(200, "others")
    assert [twin.predict_one(profile) for profile in others] == [segments.predict_one(profile) for profile in others]
    _taught(twin, others)
    assert _digest(segments) == before  # a copy, not a view
    _taught(segments, others)
    assert _digest(segments) == _digest(twin) != before
    assert twin.predict_cold({"country": "NL", "age": 33}) == segments.predict_cold({"country": "NL", "age": 33})


def test_replicas_with_other_hash_seeds_agree() -> None:
    program = (
        "from tests.learners.profiles import test_segments as t\n"
        "s = t._taught(t.Segments(), t._profiles(150))\n"
        "print(t._digest(s), [s.predict_one(p) for p in t._profiles(20, 'others')])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            check=True, capture_output=True, text=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(outputs) == 1
    assert "[" in outputs.pop()


def test_cold_users_get_the_segment_of_those_with_the_same_attributes() -> None:
    segments, low, high = Segments(segments=2), bytes([20] * WIDTH), bytes([230] * WIDTH)
    for n in range(60):
        segments.learn_one(low, {"country": "NL", "age": 30 + n % 5, "vip": None})
        if n % 2:
            segments.learn_one(high, {"country": "DE", "age": 60 + n % 5})
    assert segments.predict_cold({}) == segments.predict_cold({"country": "FR", "age": 99}) == 0  # the commonest
    assert segments.predict_cold({"country": "DE"}) == 1
    assert segments.predict_cold({"age": 61}) == 1
    assert segments.predict_cold({"country": "DE", "age": 31, "vip": True}) in (0, 1)
    assert segments.state()["counts"].shape == (4, 2)


def test_the_vocabulary_is_bounded() -> None:
    segments = Segments(segments=2, values=3)
    for n in range(10):
        segments.learn_one(bytes([20 * n] * WIDTH), {"id": f"user {n}"})
    assert len(segments.state()["counts"]) == 3
    assert segments.predict_cold({"id": "user 9"}) >= 0


def test_a_profile_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match=f"must have {WIDTH} bytes; got 3"):
        Segments().learn_one(b"abc")
