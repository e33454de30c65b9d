"""Names of journeys: features and scores of keywords, and labels from annotators."""
