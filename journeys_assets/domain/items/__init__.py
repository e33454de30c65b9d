"""What to show: which items of the catalogue fit a journey of a user, and in which order."""
