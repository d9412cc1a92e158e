"""The shared model: the fold of the log that every worker computes alike."""
