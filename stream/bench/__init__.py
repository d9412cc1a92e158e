"""Speed: what this machine is worth, the engine part by part without Kafka, and the size of the catalogue."""
