"""Parameters, headers and answers of several requests."""

from stream.gateway.answers.pages import MOST, USUAL, cursor
from stream.gateway.contract.route import ID, Answer, Parameter, list_of, whole
from stream.gateway.parameters import MAX_EXCLUDED
from stream.records.http.asked import FIELDS as NAMES

TEXT = {"type": "string"}
NOON = 1_767_268_800.0  # 2026-01-01 12:00 UTC, of examples
EXCLUDE = Parameter(
    "exclude", list_of(ID, MAX_EXCLUDED),
    "item ids that the answer must not have; also separated by commas, where a comma of an id is written %2C",
    ["teapot", "oolong"],
)  # fmt: skip
FIELDS = Parameter(
    "fields", list_of({"enum": list(NAMES)}, len(NAMES)), "of items, beside the title", ["price", "image"], joined=True
)
LANG = Parameter("lang", TEXT, "language of the reasons; without it by Accept-Language", "en")
ACCEPT_LANGUAGE = Parameter("Accept-Language", TEXT, "which language the reasons should have", "nl-BE, en;q=0.5")
IF_NONE_MATCH = Parameter("If-None-Match", TEXT, "an `ETag`: 304 if the answer is still this version", '"2f1c"')
IF_MATCH = Parameter("If-Match", TEXT, "the `ETag` of GET: refused (412) if it is another version by now", "*")
NOT_MODIFIED = {304: Answer("the caller has this version", headers=("ETag",), content=None)}
OTHER_VERSION = {412: "it is another version by now: read it again, and repeat the change"}


def page_of(kind: str) -> tuple[Parameter, ...]:
    """The parameters of a list of items or users."""
    text = "`next` of the page before; without it the first page"
    return (
        Parameter("cursor", TEXT, text, cursor(kind, "mug")),
        Parameter("limit", whole(1, MOST), f"entries of a page; {USUAL} without it", 2),
    )
