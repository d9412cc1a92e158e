"""`headwater ope`: a world in which every policy's value can also be found by letting it run."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bandits import STATES, Policy, make_policy
from bandits import Outcome as Feedback
from stream import cli
from stream.errors import CheckError, UsageError
from stream.ope.log import messages_of_file, read
from stream.ope.open_bandit import campaigns, compare
from stream.ope.replay import Fixed, Learning, Log, RewardModel, Uniform, follow, prepare
from stream.ope.report import report
from stream.records.codec import encode
from stream.records.schemas import Outcome, OutcomeType

OFFERING = ["ranked", "popularity", "content"]
SLOTS, ITEMS, USERS = 4, 12, 300
TAKEN = np.random.default_rng(1).random((2, ITEMS)) * 0.4  # chance that an item that is looked at is taken, by state
OUTCOMES: tuple[OutcomeType, ...] = ("miss", "hit")


class World:
    """Users who scan from the top and take the first item they like; lists are drawn anew for every decision."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def lists(self) -> NDArray[np.int32]:
        # The ranking has the better items in front, by halves; the others are random.
        order = [self.rng.permutation(ITEMS) for _ in OFFERING]
        order[0] = np.concatenate([np.sort(order[0][:6]), np.sort(order[0][6:])])
        return np.array(order, np.int32)[:, :8]

    def run(self, policy: Policy, decisions: int, *, learning: bool) -> list[Outcome]:
        """Let a policy serve; what became of each slate."""
        made = []
        for n in range(decisions):
            state, lists = int(self.rng.integers(2)), self.lists()
            slate = policy.draw(state, lists, self.rng.random(SLOTS))
            liked = np.flatnonzero(self.rng.random(SLOTS) < TAKEN[state, slate.items])
            hit = int(liked[0]) if len(liked) else -1
            reward = 1.0 + hit if hit >= 0 else 0.0
            if learning:
                policy.learn_one(Feedback(state, slate.offered_ranks, slate.sources, hit, reward))
            made.append(outcome(n, state, lists, slate, hit, reward))
        return made


def outcome(n: int, state: int, lists: NDArray[np.int32], slate: Any, hit: int, reward: float) -> Outcome:
    """As the worker publishes it: items numbered by the decision, the slate's first."""
    order = [*slate.items.tolist(), *(i for i in np.unique(lists).tolist() if i not in slate.items)]
    number = np.zeros(ITEMS, np.uint16)
    number[order] = np.arange(len(order))
    return Outcome(
        user_id=f"u{n % USERS}", decision_id=f"d{n}", outcome=OUTCOMES[hit >= 0], reward=reward,
        hit=hit if hit >= 0 else None, event_id=f"e{n}", decided_at=float(n), settled_at=n + 0.5, policy="test",
        items=[f"i{item}" for item in slate.items.tolist()], sources=[OFFERING[s] for s in slate.sources],
        propensities=slate.propensities.astype(float).tolist(), state=state, offering=OFFERING,
        offered_ranks=slate.offered_ranks.tobytes(), lists=number[lists].astype("<u2").tobytes(),
    )  # fmt: skip


def policy(name: str, epsilon: float = 0.2) -> Policy:
    return make_policy(name, sources=3, slots=SLOTS, n_states=STATES, epsilon=epsilon)


def mean_reward(outcomes: list[Outcome]) -> float:
    return float(np.mean([each.reward for each in outcomes]))


@pytest.fixture(scope="module")
def logged() -> list[Outcome]:
    return World(2).run(policy("sarsa", 0.7), 4_000, learning=True)


@pytest.fixture(scope="module")
def log(logged: list[Outcome]) -> Log:
    return prepare(logged)


def estimates(log: Log, candidate: Fixed | Uniform | Learning, part: str = "slates") -> dict[str, Any]:
    slots = follow(log, candidate, RewardModel(log, SLOTS))
    found: dict[str, Any] = report(log, {"c": slots}, clip=10.0, resamples=200, seed="t")["candidates"]["c"][part]
    return found


class Frozen(Learning):
    """A policy that has learned already."""

    def learn(self, feedback: Feedback) -> None:
        """Learn nothing more."""


def test_the_log_itself_is_estimated_exactly(log: Log, logged: list[Outcome]) -> None:
    """A candidate that is the logged policy has ratio 1 everywhere: what it learned, it learns again."""
    slots = follow(log, Learning("same", policy("sarsa", 0.7)), RewardModel(log, SLOTS))
    assert slots.ratio == pytest.approx(np.ones((len(logged), SLOTS)), abs=1e-6)
    assert slots.expected.shape == slots.ratio.shape


@pytest.mark.parametrize("name", ["ranked", "uniform", "learned"])
def test_estimates_are_what_the_candidate_earns_when_it_runs(log: Log, name: str) -> None:
    """By an interval of each that is too narrow once in 10,000 runs."""
    learned = policy("q_learning", 0.3)
    World(3).run(learned, 2_000, learning=True)
    candidates: dict[str, Fixed | Uniform | Learning] = {
        "ranked": Fixed(OFFERING, "ranked"), "uniform": Uniform(), "learned": Frozen("learned", learned),
    }  # fmt: skip
    runs: Policy = {"ranked": make_policy("ranked", sources=3, slots=SLOTS), "uniform": policy("sarsa", 1.0)}.get(
        name, learned
    )
    truth = World(4).run(runs, 8_000, learning=False)
    error = float(np.std([each.reward for each in truth])) / np.sqrt(len(truth))
    found = estimates(log, candidates[name])
    for estimator in ("whole slate", "reward interaction", "cascade DR"):
        low, high = found[estimator]["interval"]
        allowed = 4.0 * np.hypot(error, (high - low) / 3.92)
        assert abs(found[estimator]["value"] - mean_reward(truth)) < allowed, estimator
    first = estimates(log, candidates[name], "first_slot")
    earned = float(np.mean([each.reward if each.hit == 0 else 0.0 for each in truth]))
    for estimator in ("IPS", "SNIPS", "DR"):
        low, high = first[estimator]["interval"]
        assert abs(first[estimator]["value"] - earned) < 4.0 * np.hypot(error, (high - low) / 3.92), estimator


def test_slots_say_more_than_whole_slates(log: Log) -> None:
    found = estimates(log, Fixed(OFFERING, "content"))
    widths = {name: np.ptp(each["interval"]) for name, each in found.items()}
    assert widths["reward interaction"] < widths["whole slate"]
    assert widths["cascade DR"] < widths["whole slate"]
    assert found["whole slate"]["effective_decisions"] < found["reward interaction"]["effective_decisions"]


def test_a_candidate_learns_from_the_past_alone(logged: list[Outcome]) -> None:
    """What it says of a decision does not change with what comes after."""
    whole, half = prepare(logged[:400]), prepare(logged[:200])
    model = RewardModel(whole, SLOTS)
    late, early = (follow(log, Learning("c", policy("disagreement")), model) for log in (whole, half))
    assert late.ratio[:200].tolist() == early.ratio.tolist()


def test_outcomes_that_settle_late_are_learned_late(logged: list[Outcome]) -> None:
    learned: list[float] = []

    class Watching(Uniform):
        def learn(self, feedback: Feedback) -> None:
            learned.append(feedback.reward)

    changed = [rebuilt(each, settled_at=1e9) for each in logged[:50]]
    follow(prepare(changed), Watching(), RewardModel(prepare(changed), SLOTS))
    assert learned == []


def rebuilt(each: Outcome, **fields: Any) -> Outcome:
    return Outcome(**{name: getattr(each, name) for name in each.__struct_fields__} | fields)


def test_what_says_nothing_is_left_out_and_counted(logged: list[Outcome]) -> None:
    odd = [
        rebuilt(logged[0], lists=b""), rebuilt(logged[1], outcome="void"), rebuilt(logged[2], outcome="replaced"),
        rebuilt(logged[3], offering=["ranked", "popularity", "gone"]), *logged[4:20], *logged[4:20],
    ]  # fmt: skip
    log = prepare(odd)
    assert len(log.decisions) == 16
    assert log.left_out == {
        "without lists and offered_ranks: of an older version": 1, "void": 1, "replaced": 1,
        "of other sources than the newest": 1,
    }  # fmt: skip


def test_a_discount_needs_the_next_slate(logged: list[Outcome]) -> None:
    log = prepare([rebuilt(each, discount=0.5, user_id="u") for each in logged[:30]])
    assert [decision.following for decision in log.decisions] == [*range(1, 30), -1]
    found = follow(log, Learning("c", policy("sarsa")), RewardModel(log, SLOTS))
    assert np.isfinite(found.ratio).all()


def test_few_decisions_are_warned_of(logged: list[Outcome]) -> None:
    found = estimates(prepare(logged[:80]), Fixed(OFFERING, "content"))
    assert "log longer, or explore more" in found["whole slate"]["warning"]


def write(path: Path, outcomes: list[Outcome]) -> Path:
    path.write_bytes(b"".join(encode(each) + b"\n" for each in outcomes))
    return path


def test_the_command_reads_a_file(logged: list[Outcome], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, settings = write(tmp_path / "log.jsonl", logged[:600]), tmp_path / "bold.toml"
    settings.write_text('[policy]\nname = "q_learning"\nepsilon = 0.5\n')
    arguments = ["ope", str(file), "--policy", str(settings), "--fixed", "popularity", "--uniform", "--resamples", "50"]
    assert cli.main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["candidates"]) == ["bold", "fixed: popularity", "uniform"]
    assert found["logged"]["slates"]["value"] == pytest.approx(mean_reward(logged[:600]))
    assert cli.main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found  # the same log and seed give the same figures
    assert cli.main(arguments) == 0
    assert "600 decisions of 300 users" in capsys.readouterr().out


def test_gzipped_files_and_saved_copies(
    logged: list[Outcome], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed, saved = tmp_path / "log.jsonl.gz", tmp_path / "saved.jsonl"
    packed.write_bytes(gzip.compress(b"".join(encode(each) + b"\n" for each in logged[:150])))
    assert cli.main(["ope", str(packed), "--resamples", "0", "--save", str(saved)]) == 0
    assert read(messages_of_file(saved), "saved") == logged[:150]
    assert "150 decisions of 150 users" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "no decision to judge by among 0 outcomes (the topic is empty)"),
        (b"{]\n", "log.jsonl, message 1: must be an outcome as on the topic `outcomes`"),
        (b'{"user_id": "u"}\n', "missing required field"),
    ],
)
def test_files_that_cannot_be_used(
    text: bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log.jsonl").write_bytes(text)
    assert cli.main(["ope", str(tmp_path / "log.jsonl")]) == 1
    assert message in capsys.readouterr().err


def test_decisions_that_do_not_fit(logged: list[Outcome]) -> None:
    for fields in ({"offered_ranks": b"\0"}, {"hit": 9}, {"state": 99}, {"lists": b"\0"}):
        with pytest.raises(CheckError, match="decision d0: offered_ranks, lists and slots must fit"):
            prepare([rebuilt(logged[0], **fields)])
    with pytest.raises(CheckError, match="source 'cats': must be one of the log's, ranked, popularity, content"):
        Fixed(OFFERING, "cats")


def test_open_bandit_files(tmp_path: Path) -> None:
    """Two items; the shop's policy shows the better one in 3 of 4 impressions."""
    lines = {"random": [(0, 0.5), (1, 0.5)], "bts": [(0, 0.75), (0, 0.75), (0, 0.75), (1, 0.25)]}
    for name, shown in lines.items():
        folder = tmp_path / name / "all"
        folder.mkdir(parents=True)
        rows = [
            f"{n},{item},{1 + n % 3},{int(item == 0 and n // 4 % 2)},{chance}"
            for n, (item, chance) in enumerate(shown * 200)
        ]
        (folder / "all.csv").write_text("\n".join([",item_id,position,click,propensity_score", *rows]))
    assert campaigns(tmp_path) == ["all"]
    found = compare(tmp_path, "all", clip=10.0, resamples=20, seed="t")["random to bts"]
    # Item 0 is clicked half of the time: 3/4 x 1/2, by weights of 3/2 for it and 1/2 for the other.
    assert found["truth"] == pytest.approx(0.375)
    for name in ("IPS", "SNIPS", "DR", "replay, favourite"):
        expected = 0.5 if name.startswith("replay") else 0.375
        assert found["estimates"][name]["value"] == pytest.approx(expected, abs=0.002), name
    assert found["effective"] == pytest.approx(400 / 1.25)
    (tmp_path / "bts" / "all" / "all.csv").unlink()
    with pytest.raises(UsageError, match=r"must hold random/CAMPAIGN/CAMPAIGN.csv"):
        campaigns(tmp_path)


def test_open_bandit_data() -> None:
    """The sample of the published logs: its click rates, and estimates that bracket them."""
    directory = Path(__file__).resolve().parents[4] / "shared" / "data" / "open-bandit"
    if not directory.exists():
        pytest.skip(f"needs the data for development: {directory} is absent")
    found = compare(directory, "all", clip=10.0, resamples=200, seed="t")
    assert found["random to bts"]["truth"] == pytest.approx(0.0042)
    assert found["bts to random"]["truth"] == pytest.approx(0.0038)
    for direction in found.values():
        for name in ("IPS", "SNIPS", "DR"):
            low, high = direction["estimates"][name]["interval"]
            assert low < direction["truth"] < high
