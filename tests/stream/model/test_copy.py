"""Copies of a model: encoding, restoring, fingerprints."""

import numpy as np
import pytest

from stream.config import Config, Placement, Policy, Slate
from stream.model.copy import ModelCopy
from stream.model.fold import Model
from stream.records.log import (
    decode_message,
)
from stream.state.snapshot import ForeignSnapshotError
from tests.support.logs import LOG, folded


def test_later_learning_does_not_change_a_copy() -> None:
    model = folded(LOG[:9])
    copy = model.copy()
    before = copy.fingerprint()
    for offset in range(9, len(LOG)):
        model.fold(decode_message(LOG[offset], offset), offset)
    assert copy.fingerprint() == before != model.fingerprint()


def test_another_configuration_is_refused() -> None:
    saved = folded(LOG).copy()
    with pytest.raises(ForeignSnapshotError, match=r"must hold .*policy q_learning; got .*policy sarsa"):
        Model(Config(policy=Policy(name="q_learning"))).restore(saved)
    with pytest.raises(ForeignSnapshotError, match="policy sarsa does not fit the configuration"):
        Model(Config(slate=Slate(slots=5), policy=Policy(name="sarsa"))).restore(saved)
    first, second, *rest = [name for name in saved.parts if name not in ("vocabulary", "catalogue")]
    turned = ["vocabulary", "catalogue", second, first, *rest]
    with pytest.raises(ForeignSnapshotError, match=f"must hold .*{first}, {second}.*; got .*{second}, {first}"):
        Model(Config(policy=Policy(name="sarsa"))).restore(saved._replace(parts={n: saved.parts[n] for n in turned}))


def test_a_copy_from_before_the_last_feature_is_read_and_ranks_as_it_did() -> None:
    model = folded(LOG)
    saved = model.copy()
    last = len(model.ranking.mixer.names) - 1
    mixer = saved.parts["mixer"]
    narrow = {name: np.delete(mixer[name], last, axis=1) for name in ("linear", "hidden")}
    catalogue = {name: array for name, array in saved.parts["catalogue"].items() if name != "since"}
    heir = Model(model.config)
    heir.restore(saved._replace(parts={**saved.parts, "mixer": {**mixer, **narrow}, "catalogue": catalogue}))
    rows = np.random.default_rng(1).integers(0, 256, (9, last + 1), np.uint8)
    rows[:, last] = 0
    assert heir.ranking.mixer.score_many(rows).tolist() == model.ranking.mixer.score_many(rows).tolist()
    assert not heir.ranking.mixer.arrays.linear[:, last].any()
    assert not heir.catalogue.since.any()


def test_a_copy_is_decoded_as_it_was_encoded() -> None:
    copy = folded(LOG).copy()
    again = ModelCopy.decode(copy.encode())
    assert again[:3] == copy[:3]
    assert again.fingerprint() == copy.fingerprint()
    for name, part in copy.parts.items():
        assert list(again.parts[name]) == list(part)
        for key, array in part.items():
            assert again.parts[name][key].dtype == array.dtype
            assert np.array_equal(again.parts[name][key], array)


def test_a_model_with_other_placements_goes_on_with_what_it_has() -> None:
    def model(*names: str) -> Model:
        return Model(Config(placements={name: Placement(slots=2) for name in names}))

    before, after = model("cart", "mail"), model("mail", "side")
    for offset, message in enumerate(LOG):
        before.fold(decode_message(message, offset), offset)
    after.restore(ModelCopy.decode(before.copy().encode()))
    assert after.offset == before.offset
    assert list(after.copy().parts) == list(model("mail", "side").copy().parts)
    again = model("cart", "mail")
    again.restore(before.copy())
    assert again.fingerprint() == before.fingerprint()
