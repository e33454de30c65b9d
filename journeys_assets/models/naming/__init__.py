"""Learnt naming weights."""
