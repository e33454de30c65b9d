"""Scores, confidence, diversification and feedback of journeys, and labels for the ranker."""
