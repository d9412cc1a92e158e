"""Worlds whose answers are known: what policies are measured in before anybody meets them."""

from bandits.worlds.settings import SETTINGS, Setting
from bandits.worlds.shop import SOURCES, Answer, Shop, Tastes
from bandits.worlds.trials import REFERENCES, Trial, reference, run

__all__ = [
    "REFERENCES",
    "SETTINGS",
    "SOURCES",
    "Answer",
    "Setting",
    "Shop",
    "Tastes",
    "Trial",
    "reference",
    "run",
]
