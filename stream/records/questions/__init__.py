"""Questions to the model that need no slate: similar items, popular ones, who may want an item."""
