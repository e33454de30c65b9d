"""Scores, confidence, diversification, feedback, and labels for the ranker."""
