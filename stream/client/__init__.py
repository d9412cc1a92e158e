"""Small programs at the topics: send a file, watch slates, read dead letters, store the model."""
