"""Commands for a running site: send events, watch slates, run experiments, forget users, repair."""
