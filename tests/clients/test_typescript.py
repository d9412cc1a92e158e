"""The TypeScript client: current, pinned, type-checked; its patience against a server that fails by a script."""

import json
import re
from pathlib import Path

import pytest

from stream.gateway.feed import message
from tests.support.contract import DOCUMENT
from tests.support.scripted import Step, scripted
from tests.support.typescript import SOURCE, Project

MUG = Step(body=b'{"item_id": "mug", "title": "Mug"}', headers={"ETag": '"v1"'})
BUSY = Step(503, b'{"title": "", "status": 503, "detail": "Kafka did not acknowledge it"}')
LOST, WRITTEN = Step(0), Step(body=b'{"accepted": 1, "errors": []}')


def test_versions_are_exact_and_the_lock_names_no_host() -> None:
    package = json.loads((SOURCE / "package.json").read_text())
    lock = json.loads((SOURCE / "package-lock.json").read_text())
    for kind in ("dependencies", "devDependencies"):
        assert lock["packages"][""][kind] == package[kind]
        assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in package[kind].values())
    assert len(lock["packages"]) > 5
    for name, found in lock["packages"].items():
        assert "resolved" not in found, name
        assert not name or found["integrity"].startswith("sha512-")


def test_types_are_those_of_the_document(typescript: Project, tmp_path: Path) -> None:
    """`npm run generate`, with the document of this tree."""
    document = SOURCE.parents[1] / "deploy" / "openapi.yaml"
    script = json.loads((SOURCE / "package.json").read_text())["scripts"]["generate"].split()
    assert (SOURCE / script[1]).resolve() == document
    made = tmp_path / "schema.ts"
    typescript.command(f"node_modules/.bin/{script[0]}", str(document), *script[2:-1], str(made))
    assert made.read_text() == (SOURCE / "src" / "schema.ts").read_text(), "run `npm run generate`"
    assert all(f'"{path}": {{' in made.read_text() for path in DOCUMENT["paths"])


def test_a_wrong_request_does_not_compile(typescript: Project) -> None:
    wrong = """
import { createGateway } from "headwater-client";
const gateway = createGateway({ url: "http://127.0.0.1:1" });
void gateway.GET("/v1/users/{user_id}/recommendations", { params: { path: { user_id: "ada" }, query: { n: 3 } } });
"""
    with pytest.raises(AssertionError, match="'n' does not exist"):
        typescript.run("wrong", wrong)
    (typescript.folder / "programs" / "wrong.ts").unlink()


PROGRAM = """
import { createGateway, dataOf, NoAnswerError, ProblemError } from "headwater-client";
const view = { type: "view", event_id: "e-1", user_id: "ada", item_id: "mug", timestamp: 1.7e9 } as const;
const at = (url: string) => createGateway({ url, key: "hw_secret", timeoutMs: 3000 });
const of = { params: { path: { item_id: "mug, blue" } } };
const said = async (what: Promise<unknown>) => what.then(String, (error) => `${error.name} ${error.message}`);

console.log("events", dataOf(await at("EVENTS").POST("/v1/events", { body: [view] })).accepted);
console.log("item", dataOf(await at("ITEM/shop/").GET("/v1/items/{item_id}", of)).title);
const token = at("TOKEN").POST("/v1/tokens", { body: { user_id: "ada" } }).then(dataOf);
console.log("token", await said(token));
const late = createGateway({ url: "LATE", timeoutMs: 300 });
console.log("late", await said(late.GET("/v1/items/{item_id}", of)));
const missing = await at("MISSING").GET("/v1/items/{item_id}", of);
console.log("missing", missing.error?.status, missing.error?.detail);
const asked = Date.now();
console.log("far", await said(at("FAR").GET("/v1/items/{item_id}", of).then(dataOf)), Date.now() - asked < 2500);
const seen: string[] = [];
for await (const { data } of at("STREAM").stream(["event"], { user: "ada" })) {
  seen.push(data.item_id);
  if (seen.length === 3) break;
}
console.log("stream", seen.join(" "));
console.log("refused", await said(at("REFUSED").stream(["stats"]).next()));
console.log(NoAnswerError.name, ProblemError.name);
"""


def test_what_fails_is_sent_again_where_that_may_help(typescript: Project) -> None:
    def event(item: str) -> bytes:
        return message("event", {"user_id": "ada", "type": "view", "item_id": item, "title": item})

    stream, rest = {"Content-Type": "text/event-stream"}, event("b") + b": alive\n\n" + event("c")
    begun = Step(headers=stream, pieces=(event("a"), b"event: ev"))
    problem = b'{"title": "", "status": 403, "detail": "a token reads its own only"}'
    with (
        scripted(BUSY, LOST, WRITTEN) as events,
        scripted(MUG) as item,
        scripted(LOST) as token,
        scripted(MUG._replace(after_s=2.0)) as late,
        scripted(Step(404, problem.replace(b"403", b"404"))) as missing,
        scripted(Step(429, b"{}", {"Retry-After": "60"})) as far,
        scripted(begun, LOST, BUSY, Step(headers=stream, pieces=(rest[:30], rest[30:]))) as streamed,
        scripted(Step(403, problem)) as refused,
    ):
        text = PROGRAM
        for name, server in {
            "EVENTS": events, "ITEM": item, "TOKEN": token, "LATE": late, "MISSING": missing, "FAR": far,
            "STREAM": streamed, "REFUSED": refused,
        }.items():  # fmt: skip
            text = text.replace(f'"{name}', f'"{server.url}')
        printed = dict(line.split(" ", 1) for line in typescript.run("patience", text).splitlines())
    assert printed["events"] == "1"
    assert len({each.body for each in events.sent}) == 1
    assert [each.path for each in item.sent] == ["/shop/v1/items/mug%2C%20blue"]
    assert item.sent[0].headers["authorization"] == "Bearer hw_secret"
    assert printed["token"].startswith("NoAnswerError POST /v1/tokens: no answer")
    assert len(token.sent) == 1
    assert printed["late"].startswith("NoAnswerError GET /v1/items/mug%2C%20blue: no answer")
    assert printed["missing"] == "404 a token reads its own only"
    assert printed["far"].startswith("ProblemError")
    assert printed["far"].endswith("true")
    assert printed["stream"] == "a b c"
    assert printed["refused"].startswith("ProblemError /v1/stream: 403: a token reads its own only")
