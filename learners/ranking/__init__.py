"""From candidates to an order: the mixer of all scores, and the heads for click and purchase."""
