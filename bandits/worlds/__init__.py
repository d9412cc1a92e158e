"""Simulated worlds whose true values are known: policies are measured here before they meet users."""

from bandits.worlds.settings import SETTINGS, Setting
from bandits.worlds.shop import Shop
from bandits.worlds.shoppers import Answer
from bandits.worlds.sources import SOURCES
from bandits.worlds.tastes import Tastes
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
