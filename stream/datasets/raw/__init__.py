"""Files as bytes and lines: packings, encodings, line ends, and the account of lines that cannot be read."""
