"""What travels: wire formats, topics, schemas and the messages of the log."""
