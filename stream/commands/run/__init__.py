"""Commands that run headwater: broker, topics, worker, gateway, the demo, the settings."""
