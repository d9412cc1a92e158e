"""Items, users and events in bulk: topics to files and files to topics, each record as it is, to be gone on with."""
