"""How much a test tries: little by default, much where ``HYPOTHESIS_PROFILE=thorough`` is set."""

import os

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "usual")
"""``usual`` or ``thorough``. tests/conftest.py registers both with hypothesis, which refuses any other name."""
IS_THOROUGH = PROFILE == "thorough"


def usual_or_thorough(usual: int, thorough: int) -> int:
    """How many examples, users or seeds a test tries by the profile."""
    return thorough if IS_THOROUGH else usual
