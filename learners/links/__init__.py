"""Item to item: what the same people take, and what follows what."""
