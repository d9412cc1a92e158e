"""From an event to a record: settle the last slate, update the user, make the next slate. Start with `engine`."""
