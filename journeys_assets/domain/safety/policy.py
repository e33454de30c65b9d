"""From a category to a decision, under the policy and the choice of the user."""

from __future__ import annotations

from journeys_assets.domain.safety.params import Choice, Decision, SafetyParams


def decide(category: str | None, score: float, params: SafetyParams, choice: Choice = "default") -> Decision:
    """What may be done with a text.

    A user's opt-in lifts ``no_notify`` and never ``block``; it does not lift the doubt of an uncertain text either, as
    that may be of a blocked category. A user's opt-out blocks every category whose decision is not ``allow``.

    Args:
        category: None if no category is certain.
        score: Probability (0 to 1) that the text is sensitive; it matters only where there is no category.

    Raises:
        ValueError: there is no such category.
    """
    if category is None:
        return "no_notify" if is_uncertain(score, params) else "allow"
    decision = params.of(category)
    if decision == "no_notify" and choice == "opt_in":
        return "allow"
    if decision == "no_notify" and choice == "opt_out":
        return "block"
    return decision


def is_uncertain(score: float, params: SafetyParams) -> bool:
    """Whether a text without a category is too close to the threshold to be sent."""
    return score >= params.threshold - params.uncertain_margin
