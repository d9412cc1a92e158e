"""What travels: wire records, topics, messages of the log and the rules by which a fold accepts them."""
