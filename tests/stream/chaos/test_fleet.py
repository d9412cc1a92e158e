"""Faults are drawn from the seed alone."""

from stream.chaos.fleet import Settings, plan


def test_a_seed_names_the_faults() -> None:
    settings = Settings(seed=7, seconds=120.0)
    assert plan(settings, 6.0) == plan(settings, 6.0) != plan(settings._replace(seed=8), 6.0)
    assert plan(settings, 6.0).broker is not None
    assert plan(settings._replace(seconds=60.0), 6.0).broker is None
