"""What is asked of a worker over `requests`: slates, which are decisions, and questions, which change nothing."""
