"""A misspelt parameter is refused, a misspelt field is named."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from stream.gateway.fields.unknown import WARNED, known_parameters, warned
from stream.gateway.problems import Problem
from stream.records.schemas import Event, Item


def test_a_misspelt_field_is_named_with_the_one_that_was_meant() -> None:
    assert warned(Item, b'{"item_id": "i", "titel": "Mug"}') == {
        "warnings": ["titel: is no field of items, so it is not read; did you mean 'title'?"]
    }
    assert "did you mean 'decision_id'?" in warned(Event, b'{"desicion_id": "1"}')["warnings"][0]
    assert warned(Item, b'{"zzzzz": 1}') == {"warnings": ["zzzzz: is no field of items, so it is not read"]}


def test_what_is_right_or_no_object_warns_of_nothing() -> None:
    for body in (b'{"item_id": "i", "title": "Mug"}', b"[1]", b"{", b"\xff"):
        assert warned(Item, body) == {}


def test_warnings_are_few_and_each_is_said_once() -> None:
    many = b"{" + b",".join(b'"x%d": 1' % n for n in range(500)) + b"}"
    assert len(warned(Item, many)["warnings"]) == WARNED
    assert len(warned(Item, b'{"titel": 1}', b'{"titel": 2}')["warnings"]) == 1


def test_a_parameter_that_nobody_reads_is_refused() -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(text="answered")

    async def other(_: web.Request) -> web.StreamResponse:
        return web.Response(text="other")

    refusing = known_parameters({handler: {"k", "exclude"}})

    def ask(query: str, of: Any = handler) -> Any:
        request = make_mocked_request("GET", f"/?{query}")
        request._match_info = type("Match", (dict,), {"handler": staticmethod(of)})()
        return asyncio.run(refusing(request, of))

    assert ask("k=5&exclude=a").text == "answered"
    assert ask("anything=1", other).text == "other", "a handler that is not in the table takes anything"
    with pytest.raises(Problem) as refused:
        ask("excude=a")
    assert refused.value.status == 422
    assert refused.value.detail == (
        "'excude': is no parameter of this request; known: exclude, k; did you mean 'exclude'?"
    )
