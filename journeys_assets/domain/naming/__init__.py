"""Names of journeys."""
