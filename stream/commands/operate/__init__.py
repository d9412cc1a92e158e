"""Commands for a running site: send, watch, compare, forget, repair."""
