"""What a request makes of a slate: given items, filters, anchors, pages; and how its decision reads."""
