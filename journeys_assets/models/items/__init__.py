"""Items releases: what is known of items from all users, and the weights that rank items."""
