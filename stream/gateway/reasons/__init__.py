"""Why an item is on a slate: the reason, its words in English, and in languages of a file of one's own."""
