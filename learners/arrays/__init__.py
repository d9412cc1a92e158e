"""Storage that all learners share: arrays that grow, a handle for compiled code, the best of many scores."""
