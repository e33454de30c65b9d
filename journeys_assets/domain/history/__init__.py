"""Changes of journeys from one day, or one version, to another."""
