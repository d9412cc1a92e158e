"""What is known of users and items, and how it is stored in snapshots."""
