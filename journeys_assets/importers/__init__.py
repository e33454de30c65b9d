"""Public log formats, turned into the landing contract: one module per format, pure polars.

What belongs here: what a format's columns mean and which of its rows are none of the contract's. What does not:
reading files, and rules that hold for every source (``domain.landing.contract``).
"""
