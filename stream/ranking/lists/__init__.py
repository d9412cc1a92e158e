"""Lists of items that need no user: similar, also bought, popular, rising, latest."""
