"""Programs that read or write the topics: replay, watch, dead letters, status of an experiment, a model in a file."""
