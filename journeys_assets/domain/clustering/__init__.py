"""Clustering of each user's keywords into journeys and areas, and their ids."""
