"""What the user comes back to."""
