"""Fields and parameters of requests: those that nobody reads, and changes of single ones."""
