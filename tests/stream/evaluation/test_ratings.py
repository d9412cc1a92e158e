"""Ratings of a file, by the events they belong to."""

from pathlib import Path

from stream.datasets.readers import read
from stream.evaluation.ratings import read_ratings
from tests.support.rated import write_rated_log


def test_ratings_are_found_by_the_events_they_belong_to(tmp_path: Path) -> None:
    log = write_rated_log(tmp_path)
    ratings = read_ratings(log, "csv")
    events = [entry[1] for entry in read(log) if isinstance(entry, tuple)]
    assert len(ratings) == len(events) == 160
    assert all(ratings[event.event_id] == 1 + int(event.item_id[1:]) % 5 for event in events)
    odd = tmp_path / "odd.csv"
    odd.write_text(
        'user_id,item_id,event,timestamp,rating\nu,"a,b",view,1000000001,4\nu,c,view,1000000002,\n'
        "u,d,view,1000000003,nan\nu,e,view,1000000004,2\n"
    )
    ids = {entry[1].item_id: entry[1].event_id for entry in read(odd) if isinstance(entry, tuple)}
    assert read_ratings(odd, "csv") == {ids["a,b"]: 4.0, ids["e"]: 2.0}
    odd.write_text("user_id,item_id,event,timestamp\nu,a,view,1000000001\n")
    assert read_ratings(odd, "csv") == {}
