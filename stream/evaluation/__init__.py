"""Test, then learn, over a file of events; without Kafka."""
