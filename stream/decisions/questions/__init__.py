"""Answers to questions that need no slate, from the model and the users of a shard; nothing changes by asking."""
