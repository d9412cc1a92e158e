"""Commands that run headwater: demo, broker, topics, worker, gateway, settings."""
