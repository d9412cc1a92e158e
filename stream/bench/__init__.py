"""Speed: through a real Kafka, part by part without one, and by the size of the catalogue."""
