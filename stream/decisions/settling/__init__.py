"""From an event to what it settles: outcome and reward of the user's open slates, and the records that say so."""
