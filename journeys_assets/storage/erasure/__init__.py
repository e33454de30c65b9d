"""Removes a user from everything below a home: database files, other files, records of runs."""
