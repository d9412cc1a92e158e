"""What many people like: everywhere, in a category, in a group of users, now."""
