"""What `make test` says at its end of the tests that it skipped."""

from tests.conftest import untested


def test_missing_tools_are_grouped_and_one_command_brings_them() -> None:
    lines = untested([
        "Skipped: prometheus is not installed (Debian package prometheus)",
        "Skipped: promtool is not installed",
        "Skipped: promtool is not installed",
        "Skipped: chromium is not installed (Debian package chromium)",
        "Skipped: needs the data for development: /x is absent",
    ])  # fmt: skip
    assert lines[0] == "   2 tests of alerts and the settings of Prometheus: need prometheus"
    assert "   1 tests: needs the data for development: /x is absent" in lines
    assert lines[-1].endswith("apt-get install -y --no-install-recommends chromium prometheus")


def test_nothing_is_said_where_nothing_is_missing() -> None:
    assert untested([]) == []
