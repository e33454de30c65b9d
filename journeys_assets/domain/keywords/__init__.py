"""Keywords: their text and their vectors."""
