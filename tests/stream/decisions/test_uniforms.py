"""Random numbers by name."""

import numpy as np

from stream.decisions.uniforms import uniforms


def test_uniforms_are_uniform() -> None:
    numbers = uniforms("a name", 4000)
    assert np.all((numbers >= 0) & (numbers < 1))
    assert abs(numbers.mean() - 0.5) < 5 / np.sqrt(12 * 4000)
    assert np.array_equal(numbers[:10], uniforms("a name", 10))
