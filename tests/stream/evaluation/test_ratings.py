"""Ratings of a file, by the events they belong to, and what they are for."""

from pathlib import Path

from stream.datasets.readers import ratings as read_ratings
from stream.datasets.readers import read
from tests.support.rated import write_rated_log


def test_ratings_are_found_by_the_events_they_belong_to(tmp_path: Path) -> None:
    log = write_rated_log(tmp_path)
    ratings = read_ratings(log)
    events = [entry[1] for entry in read(log) if isinstance(entry, tuple)]
    assert len(ratings) == len(events) == 160
    assert all(ratings[event.event_id] == 1 + int(event.item_id[1:]) % 5 for event in events)
    odd = tmp_path / "odd.csv"
    odd.write_text(
        "user_id,item_id,event,timestamp,rating,note\n"
        'u,a,view,1700000001,4,"two\nlines"\nu,c,view,1700000002,,\nu,d,view,1700000003,nan,\nu,e,view,1700000004,2,\n'
    )
    ids = {entry[1].item_id: entry[1].event_id for entry in read(odd) if isinstance(entry, tuple)}
    assert read_ratings(odd) == {ids["a"]: 4.0, ids["e"]: 2.0}
    odd.write_text("user_id,item_id,event,timestamp\nu,a,view,1700000001\n")
    assert read_ratings(odd) == {}
