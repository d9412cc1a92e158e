"""A port in use is one line."""

import socket

import pytest

from stream import cli
from stream.errors import UsageError
from stream.serving.ports import check_free


@pytest.mark.parametrize("command", ["worker", "gateway", "broker"])
def test_a_port_in_use_is_one_line_and_wrong_usage(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert cli.main([command, "--port", str(port)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(
        f"headwater: {command}: cannot listen on 127.0.0.1:{port}: Address already in use; stop what"
    )
    assert said.count("\n") == 1


def test_a_free_port_and_any_port_are_fine() -> None:
    check_free("worker", "127.0.0.1", 0)


def test_an_address_of_another_machine_is_said() -> None:
    with pytest.raises(UsageError, match=r"worker: cannot listen on 192\.0\.2\.1:6066"):
        check_free("worker", "192.0.2.1", 6066)
