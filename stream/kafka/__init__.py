"""Kafka's clients: connections, security, administration, and Faust's delivery poll by poll."""
