"""Sheets for annotators: what is drawn, and how well annotators agree."""
