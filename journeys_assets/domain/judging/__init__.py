"""Judging journeys: which ones are judged, what a judge is shown, a rubric, and agreement with people."""
