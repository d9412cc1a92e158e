"""Files of events: `layouts` defines the columns of each format, `readers` reads any of them in order of time."""
