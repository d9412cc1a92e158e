"""Each ready-made layout on a small file as its publisher describes it, found out without being named."""

import datetime as dt
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from stream.datasets.how import How
from stream.datasets.readers import FormatError, LeftOut, guess, read
from stream.datasets.ready import FORMATS
from stream.errors import UsageError
from stream.records.schemas import Item


class Case(NamedTuple):
    """A file and what is to come of it: `user kind item time`, in order of time."""

    format: str
    name: str
    text: str
    events: list[str]
    items: Sequence[Item] = ()


def lines(*objects: Any) -> str:
    return "".join(json.dumps(each) + "\n" for each in objects)


def product(item: str, **more: Any) -> dict[str, Any]:
    return {"product_id": item, "name": f"The {item}", "price": 7.5, "category": "tea", **more}


def track(event: str, time: str, properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": event, "anonymousId": "a1", "timestamp": time, "properties": properties, **more}


GA4_ITEM = {"item_id": "GG1", "item_name": "Mug", "item_brand": "Goo", "item_category": "Drinkware", "price": 9.0}
SESSION = [{"key": "page", "value": {"string_value": "/"}}, {"key": "ga_session_id", "value": {"int_value": "77"}}]


def ga4(name: str, micros: int, items: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "event_date": "20210131", "event_timestamp": str(micros), "event_name": name, "event_params": SESSION,
        "user_id": None, "user_pseudo_id": "102.5", "items": items,
    }  # fmt: skip


CASES = [
    Case(
        "retailrocket", "events.csv",
        "timestamp,visitorid,event,itemid,transactionid\n1433221332117,257597,view,355908,\n"
        "1433224214164,992329,addtocart,248676,\n1433222276276,111016,transaction,318965,4000\n",
        ["257597 view 355908 1433221332.117", "111016 purchase 318965 1433222276.276",
         "992329 click 248676 1433224214.164"],
    ),
    Case(
        "otto", "otto-recsys-train.jsonl",
        lines(
            {"session": 0, "events": [{"aid": 1517085, "ts": 1659304800025, "type": "clicks"},
                                      {"aid": 1563459, "ts": 1659304904511, "type": "carts"}]},
            {"session": 1, "events": [{"aid": 424964, "ts": 1659304800026, "type": "orders"}]},
        ),
        ["0 view 1517085 1659304800.025", "1 purchase 424964 1659304800.026", "0 click 1563459 1659304904.511"],
    ),
    Case(
        "hm", "transactions_train.csv",
        "t_dat,customer_id,article_id,price,sales_channel_id\n2018-09-20,000058a1,0663713001,0.0508305,2\n"
        "2018-09-21,000058a1,0541518023,0.0304915,1\n",
        ["000058a1 purchase 0663713001 1537401600.0", "000058a1 purchase 0541518023 1537488000.0"],
    ),
    Case(
        "amazon", "Luxury_Beauty.json",
        lines(
            {"overall": 5.0, "verified": True, "reviewTime": "01 5, 2018", "reviewerID": "A2HOI48JK8838M",
             "asin": "B00004U9V2", "reviewText": "Nice", "summary": "Nice", "unixReviewTime": 1515110400},
            {"overall": 2.0, "reviewerID": "A1YIPEY7HX73S7", "asin": "B00004U9V2", "unixReviewTime": 1491350400},
        ),
        ["A1YIPEY7HX73S7 view B00004U9V2 1491350400.0", "A2HOI48JK8838M purchase B00004U9V2 1515110400.0"],
    ),
    Case(
        "amazon", "All_Beauty.jsonl",
        lines({"rating": 4.0, "title": "Good", "text": "Yes", "images": [], "asin": "B00YQ6X8EO",
               "parent_asin": "B00YQ6X8EP", "user_id": "AGKHLEW2SOWHNMFQIJGBECAF7INQ", "timestamp": 1588687728923,
               "helpful_vote": 0, "verified_purchase": True}),
        ["AGKHLEW2SOWHNMFQIJGBECAF7INQ click B00YQ6X8EP 1588687728.923"],
    ),
    Case(
        "amazon", "All_Beauty.csv",
        "user_id,parent_asin,rating,timestamp\nAGKHLEW2SOWHNMFQIJGBECAF7INQ,B00YQ6X8EP,5.0,1588687728923\n",
        ["AGKHLEW2SOWHNMFQIJGBECAF7INQ purchase B00YQ6X8EP 1588687728.923"],
    ),
    Case(
        "amazon", "Luxury_Beauty.csv",
        "B00004U9V2,A1Q6MUU0B2ZDQG,2.0,1276560000\n0972683275,A3GGMC6XGCOAVN,5.0,1276560001\n",
        ["A1Q6MUU0B2ZDQG view B00004U9V2 1276560000.0", "A3GGMC6XGCOAVN purchase 0972683275 1276560001.0"],
    ),
    Case(
        "amazon", "ratings_Beauty.csv", "A39HTATAQ9V7YF,0205616461,5.0,1369699200\n",
        ["A39HTATAQ9V7YF purchase 0205616461 1369699200.0"],
    ),
    Case(
        "recbole", "ml-100k.inter",
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\n196\t242\t3\t881250949\n186\t302\t5\t891717742\n",
        ["196 view 242 881250949.0", "186 purchase 302 891717742.0"],
    ),
    Case(
        "recbole", "clicks.inter",
        "session_id:token\titem_id:token\tuser_id:token\ttimestamp:float\ns\t242\tu\t881250949\n",
        ["u view 242 881250949.0"],
    ),
    Case("movielens", "u.data", "196\t242\t3\t881250949\n186\t302\t5\t891717742\n",
         ["196 view 242 881250949.0", "186 purchase 302 891717742.0"]),
    Case("movielens", "ratings.dat", "1::1193::5::978300760\n1::661::3::978302109\n",
         ["1 purchase 1193 978300760.0", "1 view 661 978302109.0"]),
    Case(
        "ga4", "events.json",
        lines(
            ga4("page_view", 1612069510766593, []),
            ga4("view_item", 1612069510766594, [GA4_ITEM]),
            ga4("view_item_list", 1612069510766594, [{"item_id": "(not set)"}]),
            ga4("purchase", 1612069510866594, [GA4_ITEM | {"quantity": 2}, {"item_id": "GG2", "price": 1},
                                                  {"item_id": "(not set)"}]),
        ),
        ["102.5 view GG1 1612069510.766594", "102.5 purchase GG1 1612069510.866594",
         "102.5 purchase GG2 1612069510.866594"],
        [Item(item_id="GG1", title="Mug", categories=["Drinkware"], attributes={"brand": "Goo"}, price=9.0),
         Item(item_id="GG2", price=1.0)],
    ),
    Case(
        "ga4", "flat.csv",
        "event_date,event_timestamp,event_name,user_pseudo_id,user_id,item_id,item_name,price,quantity\n"
        "20210131,1612069510766593,add_to_cart,102.5,,GG1,Mug,9.0,1\n20210131,1612069510766600,scroll,102.5,,,,,\n"
        "20210131,1612069510866593,purchase,102.5,ada,GG1,Mug,9.0,2\n",
        ["102.5 click GG1 1612069510.766593", "ada purchase GG1 1612069510.866593"],
        [Item(item_id="GG1", title="Mug", price=9.0)],
    ),
    Case(
        "ga4", "days.csv", "event_date,event_name,user_pseudo_id,item_id\n20210131,view_item,102.5,GG1\n",
        ["102.5 view GG1 1612051200.0"],
    ),
    Case(
        "segment", "tracks.jsonl",
        lines(
            {"type": "page", "anonymousId": "a1", "timestamp": "2023-01-05T10:00:00.000Z", "properties": {"path": "/"}},
            track("Product Viewed", "2023-01-05T10:00:01.000Z", product("p1")),
            track("Product Added", "2023-01-05T10:00:02.500Z", product("p1", quantity=2)),
            track("Product List Viewed", "2023-01-05T10:00:03.000Z", {"products": [product("p2")]}),
            track("Order Completed", "2023-01-05T10:00:04.000Z",
                  {"order_id": "o", "products": [product("p1"), product("p2", name=None)]}, userId="ada"),
        ),
        ["a1 view p1 1672912801.0", "a1 click p1 1672912802.5", "ada purchase p1 1672912804.0",
         "ada purchase p2 1672912804.0"],
        [Item(item_id="p1", title="The p1", categories=["tea"], price=7.5),
         Item(item_id="p2", categories=["tea"], price=7.5)],
    ),
]  # fmt: skip


def brief(path: Path, format_: str | None = None) -> list[str]:
    return [
        f"{entry[1].user_id} {entry[0]} {entry[1].item_id} {entry[1].timestamp}"
        for entry in read(path, format_) if not isinstance(entry, Item)
    ]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.format}-{case.name}")
def test_each_layout_is_found_out_and_read(tmp_path: Path, case: Case) -> None:
    path = tmp_path / case.name
    path.write_text(case.text)
    assert guess(path) == case.format
    assert brief(path) == brief(path, case.format) == case.events
    assert [entry for entry in read(path) if isinstance(entry, Item)] == [*case.items]
    ids = [entry[1].event_id for entry in read(path) if not isinstance(entry, Item)]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.format}-{case.name}")
def test_one_bad_line_costs_one_line_in_each(tmp_path: Path, case: Case) -> None:
    path = tmp_path / case.name
    first, *rest = case.text.splitlines(keepends=True)
    path.write_text("".join([first, "x;y\n", *rest]))
    left_out = LeftOut()
    assert list(read(path, on_bad=left_out)) == list(read(write_clean(tmp_path, case)))
    assert len(left_out) == 1
    assert str(left_out.first[0]).startswith(f"{path} line 2: ")
    with pytest.raises(FormatError, match=r"line 2: "):
        list(read(path))


def write_clean(folder: Path, case: Case) -> Path:
    """The same file with a blank line in place of the bad one, so that ids agree."""
    path = folder / f"clean-{case.name}"
    first, *rest = case.text.splitlines(keepends=True)
    path.write_text("".join([first, "\n", *rest]))
    return path


def test_every_format_has_a_case() -> None:
    assert {case.format for case in CASES} | {"csv", "jsonl", "taobao", "rees46"} == set(FORMATS)


def test_prices_quantities_and_sessions_are_read(tmp_path: Path) -> None:
    for case, found in (
        (next(case for case in CASES if case.name == "events.json"), ("77", 9.0, 2.0)),
        (next(case for case in CASES if case.name == "flat.csv"), (None, 9.0, 2.0)),
    ):
        path = tmp_path / case.name
        path.write_text(case.text)
        event = next(e[1] for e in read(path) if not isinstance(e, Item) and e[0] == "purchase")
        assert (event.session_id, event.price, event.quantity) == found
    path = tmp_path / "plain.csv"
    path.write_text(
        "user_id,item_id,event,timestamp,price,quantity\nu,i,purchase,1700000000,9.9,2\nu,j,view,1700000001,,\n"
    )
    events = [e[1] for e in read(path) if not isinstance(e, Item)]
    assert [(event.price, event.quantity) for event in events] == [(9.9, 2.0), (None, None)]


def test_parquet_of_otto_and_of_plain_columns(tmp_path: Path) -> None:
    pyarrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    path = tmp_path / "train.bin"
    parquet.write_table(
        pyarrow.table(
            {"session": [0, 0, 1], "aid": [7, 8, 7], "ts": [1659304800, 1659304900, 1659304850], "type": [0, 1, 2]}
        ),
        path,
    )
    assert guess(path) == "otto"
    assert brief(path) == ["0 view 7 1659304800.0", "1 purchase 7 1659304850.0", "0 click 8 1659304900.0"]
    when = dt.datetime(2023, 1, 5, 10, tzinfo=dt.UTC)
    parquet.write_table(
        pyarrow.table(
            {"user_id": ["u", None], "item_id": [5, 6], "timestamp": [when, when], "event": ["view", "click"]}
        ),
        path,
    )
    left_out = LeftOut()
    assert [e[1].item_id for e in read(path, on_bad=left_out) if not isinstance(e, Item)] == ["5"]
    assert str(left_out.first[0]) == f"{path} line 2: `user_id` must not be empty"
    path.write_bytes(b"PAR1 and nothing more")
    with pytest.raises(FormatError, match="cannot be read as parquet"):
        list(read(path))


def test_parquet_without_its_library_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = tmp_path / "log.parquet"
    path.write_bytes(b"PAR1PAR1")
    with pytest.raises(UsageError, match=r"is parquet, which needs pyarrow: pip install 'headwater\[parquet\]'"):
        list(read(path))


@pytest.mark.parametrize(
    ("files", "title", "categories"),
    [
        ({"ratings.dat": "1::2::5::978300760\n", "movies.dat": "2::Amélie (2001)::Comedy|Romance\n"},
         "Amélie (2001)", ["Comedy", "Romance"]),
        ({"u.data": "1\t2\t5\t978300760\n",
          "u.item": "2|Amélie (2001)|01-Jan-2001||http://x|" + "0|" * 5 + "1|" + "0|" * 12 + "0\n"},
         "Amélie (2001)", ["Comedy"]),
    ],
)  # fmt: skip
def test_older_movielens_folders_have_films(
    tmp_path: Path, files: dict[str, str], title: str, categories: list[str]
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_bytes(text.encode("latin-1"))
    item = next(iter(read(tmp_path)))
    assert item == Item(item_id="2", title=title, categories=categories)


def test_items_beside_recbole_and_hm(tmp_path: Path) -> None:
    (tmp_path / "shop.inter").write_text("user_id:token\titem_id:token\ttimestamp:float\nu\t7\t1700000000\n")
    (tmp_path / "shop.item").write_text("item_id:token\tmovie_title:token_seq\tclass:token_seq\n7\tToy Story\tComedy\n")
    assert next(iter(read(tmp_path / "shop.inter"))) == Item(item_id="7", title="Toy Story", categories=["Comedy"])
    (tmp_path / "transactions_train.csv").write_text("t_dat,customer_id,article_id,price\n2018-09-20,c,0108,0.05\n")
    (tmp_path / "articles.csv").write_text("article_id,prod_name,product_type_name\n0108,Strap top,Vest top\n")
    found = next(iter(read(tmp_path / "transactions_train.csv")))
    assert found == Item(item_id="0108", title="Strap top", categories=["Vest top"])


def test_a_default_event_takes_the_place_of_stars(tmp_path: Path) -> None:
    path = tmp_path / "u.data"
    path.write_text("196\t242\t3\t881250949\n")
    assert [e[0] for e in read(path, how=How(default_event="purchase")) if not isinstance(e, Item)] == ["purchase"]
