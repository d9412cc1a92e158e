"""The demo: MovieLens through a real Kafka and a real worker, on one screen."""
