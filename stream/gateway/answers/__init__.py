"""How answers are read again: versions that need not be sent twice, pages of lists, requests that are repeated."""
