"""Who the user is: a few numbers about their history, and the segment that they belong to."""
