"""Deciding which days to run next."""
