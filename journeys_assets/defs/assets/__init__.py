"""The stages as assets: each body reads, calls one domain function, writes and reports."""
