"""How a slate is filled from the lists of several sources, and what learns which source to trust at which slot."""
