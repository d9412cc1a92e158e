"""A/B/n experiments: definition, assignment of users to variants, results that hold at any time."""
