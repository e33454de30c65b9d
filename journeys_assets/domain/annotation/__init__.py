"""Annotation sheets: sampling journeys, and measuring how well annotators agree."""
