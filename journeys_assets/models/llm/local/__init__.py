"""A small language model on this machine behind an OpenAI-compatible endpoint: for demos and tests, not for production.

``python -m journeys_assets.models.llm.local FOLDER`` serves it; everything here needs the extra ``local-llm``.
"""
