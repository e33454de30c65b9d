"""Sentence embedders: keywords in, unit vectors out."""
