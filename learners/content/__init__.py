"""What an item is: its title, tags, attributes, price and vectors, and the items that are like it."""
