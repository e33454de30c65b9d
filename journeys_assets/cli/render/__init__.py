"""Turns values into text for people."""
