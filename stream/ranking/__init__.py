"""From a user to candidates, from candidates to features, from features to a score."""
