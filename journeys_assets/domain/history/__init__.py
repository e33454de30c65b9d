"""What became of journeys from one day, or one version, to another."""
