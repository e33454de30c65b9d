"""The learnt ranker."""
