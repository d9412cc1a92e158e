"""Who may read /metrics, by address and token."""

import pytest
from aiohttp.test_utils import make_mocked_request

from stream.gateway.guard.scrapes import check_scrape
from stream.gateway.problems import Problem

TOKEN = "m" * 20


def refusal(address: str, sent: str = "", token: str = "", *, is_open: bool = False) -> int:
    """The status of the refusal, 0 if there is none."""
    headers = {"Authorization": sent} if sent else {}
    request = make_mocked_request("GET", "/metrics", headers=headers).clone(remote=address)
    try:
        check_scrape(request, token, is_open=is_open)
    except Problem as problem:
        return problem.status
    return 0


@pytest.mark.parametrize(
    ("address", "sent", "token", "status"),
    [
        ("127.0.0.1", "", "", 0), ("::1", "", "", 0), ("10.0.0.1", "", "", 403), ("", "", "", 403),
        ("127.0.0.1", "", TOKEN, 401), ("10.0.0.1", f"Bearer {TOKEN}", TOKEN, 0),
        ("10.0.0.1", f"bearer  {TOKEN}", TOKEN, 0),
        ("10.0.0.1", f"Basic {TOKEN}", TOKEN, 401),
    ],
)  # fmt: skip
def test_loopback_or_the_token(address: str, sent: str, token: str, status: int) -> None:
    assert refusal(address, sent, token) == status


def test_what_is_open_is_open() -> None:
    assert refusal("10.0.0.1", is_open=True) == 0
    assert refusal("10.0.0.1", token=TOKEN, is_open=True) == 401
