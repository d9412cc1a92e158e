"""Shoppers whose tastes are known judge policies, alone or with the whole engine."""
