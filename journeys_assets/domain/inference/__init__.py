"""One language model from a user's history to journeys: what it is shown, and what of its answer counts."""
