"""Rows that are no sign of a person's interest: bots, monitoring clients, spam, and rates that no person reaches."""
