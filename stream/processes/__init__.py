"""Child processes: real and mock brokers, workers under measurement."""
