"""Progress where there is no terminal."""

import pytest

from stream.commands.progress import Ticker


def test_a_line_is_said_every_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    with Ticker("lines", lambda: now[0]) as tick:
        for second in range(1, 26):
            now[0] = float(second)
            tick(100 * second, 9_000 if second > 15 else None)
    assert capsys.readouterr().err == "1,000 lines, 100/s\n2,000 of 9,000 lines, 100/s\n"
