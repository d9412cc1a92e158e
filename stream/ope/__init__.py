"""Off-policy evaluation: what would another policy have earned on the decisions on record?"""
