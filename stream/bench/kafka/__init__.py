"""Speed through a real Kafka: backlog, latency, start, changes of the group, memory, a gateway, the transport alone."""
