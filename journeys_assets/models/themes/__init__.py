"""Released maps of themes."""
