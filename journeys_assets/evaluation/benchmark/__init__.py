"""A public benchmark of journeys: data for other systems, the form of a submission, scores, and a leaderboard."""
