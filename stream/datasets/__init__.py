"""Files of events: which layout a file has, and its events one by one."""
