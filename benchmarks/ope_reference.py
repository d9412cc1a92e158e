"""Compare the off-policy estimators with those of the package `obp` (Saito et al. 2021) on the same inputs.

Not part of headwater's environment, since `obp` pins old versions of everything:

    python -m venv other && other/bin/pip install --no-deps --ignore-requires-python obp==0.5.5 pyieoe
    other/bin/pip install "numpy<2" numba mypy_extensions pandas scikit-learn pyyaml tqdm matplotlib seaborn
    other/bin/python benchmarks/ope_reference.py

It prints the largest difference per estimator over 20 random logs; exit code 1 above 1e-9. `obp` imports torch for the
names of its types alone, so an empty module stands in for it.
"""

import importlib
import importlib.util
import sys
import types
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
if importlib.util.find_spec("torch") is None:
    stand_in = types.ModuleType("torch")
    stand_in.__getattr__ = lambda name: type(name, (), {})  # type: ignore[method-assign]
    for name in ("nn", "optim", "utils", "functional", "data"):
        setattr(stand_in, name, stand_in)
    for name in ("torch", "torch.nn", "torch.nn.functional", "torch.optim", "torch.utils", "torch.utils.data"):
        sys.modules[name] = stand_in

obp = importlib.import_module("obp.ope")
ope = importlib.import_module("bandits.ope")

ROUNDS, ACTIONS, SLOTS, LOGS = 500, 6, 4, 20


def single(seed: int) -> dict[str, tuple[float, float]]:
    """Both packages' estimates on a log of one action a round."""
    rng = np.random.default_rng(seed)
    logged, wanted = rng.dirichlet(np.ones(ACTIONS), ROUNDS), rng.dirichlet(np.ones(ACTIONS), ROUNDS)
    action = np.array([rng.choice(ACTIONS, p=p) for p in logged])
    reward, model = rng.random(ROUNDS), rng.random((ROUNDS, ACTIONS))
    rows = np.arange(ROUNDS)
    p, q = logged[rows, action], wanted[rows, action]
    weight, taken, expected = q / p, model[rows, action], (wanted * model).sum(axis=1)
    best = np.eye(ACTIONS)[wanted.argmax(axis=1)]
    data = {"reward": reward, "action": action}
    plain = data | {"pscore": p, "action_dist": wanted[:, :, None]}
    helped = plain | {"estimated_rewards_by_reg_model": model[:, :, None]}
    return {
        "replay": (
            ope.replay(wanted.argmax(axis=1) == action, reward).value,
            obp.ReplayMethod().estimate_policy_value(**data, action_dist=best[:, :, None]),
        ),
        "ips": (ope.ips(weight, reward).value, obp.InverseProbabilityWeighting().estimate_policy_value(**plain)),
        "snips": (
            ope.snips(weight, reward).value,
            obp.SelfNormalizedInverseProbabilityWeighting().estimate_policy_value(**plain),
        ),
        "clipped_ips": (
            ope.clipped_ips(weight, reward, 3.0).value,
            obp.InverseProbabilityWeighting(lambda_=3.0).estimate_policy_value(**plain),
        ),
        "direct_method": (ope.direct_method(expected).value, obp.DirectMethod().estimate_policy_value(**helped)),
        "doubly_robust": (
            ope.doubly_robust(weight, reward, taken, expected).value,
            obp.DoublyRobust().estimate_policy_value(**helped),
        ),
        "switch_dr": (
            ope.switch_dr(weight, reward, taken, expected, 3.0).value,
            obp.SwitchDoublyRobust(lambda_=3.0).estimate_policy_value(**helped),
        ),
    }


def slates(seed: int) -> dict[str, tuple[float, float]]:
    """The same for slates."""
    rng = np.random.default_rng(seed)
    logged, wanted = rng.uniform(0.1, 1.0, (2, ROUNDS, SLOTS))
    reward = rng.random((ROUNDS, SLOTS))
    model = rng.random((ROUNDS, SLOTS, ACTIONS))
    pmf = rng.dirichlet(np.ones(ACTIONS), (ROUNDS, SLOTS))
    action = rng.integers(0, ACTIONS, (ROUNDS, SLOTS))
    ratio = wanted / logged
    data = {
        "slate_id": np.repeat(np.arange(ROUNDS), SLOTS), "reward": reward.ravel(),
        "position": np.tile(np.arange(SLOTS), ROUNDS),
    }  # fmt: skip
    before, after = np.cumprod(logged, axis=1), np.cumprod(wanted, axis=1)
    taken = np.take_along_axis(model, action[:, :, None], axis=2)[:, :, 0]
    return {
        "whole_slate": (
            ope.whole_slate(ratio, reward).value,
            obp.SlateStandardIPS(len_list=SLOTS).estimate_policy_value(
                **data,
                pscore=np.repeat(before[:, -1], SLOTS),
                evaluation_policy_pscore=np.repeat(after[:, -1], SLOTS),
            ),
        ),
        "reward_interaction": (
            ope.reward_interaction(ratio, reward).value,
            obp.SlateRewardInteractionIPS(len_list=SLOTS).estimate_policy_value(
                **data, pscore_cascade=before.ravel(), evaluation_policy_pscore_cascade=after.ravel()
            ),
        ),
        "cascade_dr": (
            ope.cascade_dr(ratio, reward, taken, (pmf * model).sum(axis=2)).value,
            obp.SlateCascadeDoublyRobust(len_list=SLOTS, n_unique_action=ACTIONS).estimate_policy_value(
                **data,
                action=action.ravel(),
                pscore_cascade=before.ravel(),
                evaluation_policy_pscore_cascade=after.ravel(),
                q_hat=model.ravel(),
                evaluation_policy_action_dist=pmf.ravel(),
            ),
        ),
    }


def main() -> int:
    """Print a line an estimator."""
    worst: dict[str, float] = {}
    for seed in range(LOGS):
        for name, (ours, theirs) in (single(seed) | slates(seed)).items():
            worst[name] = max(worst.get(name, 0.0), abs(ours - theirs))
    for name, difference in worst.items():
        print(f"{name:20} {difference:.1e}")
    return int(max(worst.values()) > 1e-9)


if __name__ == "__main__":
    sys.exit(main())
