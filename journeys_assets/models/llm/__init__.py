"""Language models behind any OpenAI-compatible endpoint. All of it is optional: without one, no row is missing."""
