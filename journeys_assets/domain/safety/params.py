"""The policy: what happens to journeys of each category, and from which probability on a text belongs to one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from journeys_assets.domain.safety.categories import IDS

Decision = Literal["allow", "no_notify", "block"]
"""``allow``: treat as any other. ``no_notify``: show in the app, but never send. ``block``: never show, never send."""
DECISIONS: tuple[Decision, ...] = get_args(Decision)
"""From the loosest to the strictest."""
Choice = Literal["default", "opt_in", "opt_out"]
"""What a user wants of sensitive journeys: the policy as it is; notifications too; not to see them at all."""
CHOICES: tuple[Choice, ...] = get_args(Choice)


@dataclass(frozen=True, slots=True)
class SafetyParams:
    """The decision of each category, and the thresholds of the model.

    Most categories are ``no_notify``. A person who plans a treatment or a divorce searches for it on purpose, and a
    list of own journeys that leaves it out helps nobody. A notification is different: it is read over a shoulder, on a
    shared phone, at a bad moment. So it is shown and never sent.

    Two categories are ``block``. ``hate``: the app would recommend more of it. ``minors``: interest in children must
    not be served, and a child must not be profiled; the text does not say which of the two it is.

    ``self_harm`` is ``no_notify``. Hiding what a person in distress saved takes away what may help (many of these texts
    ask for help), and sending reminders of it does harm. Whoever shows help lines instead of journeys sets ``block``.
    """

    revision: int = 1
    self_harm: Decision = "no_notify"
    minors: Decision = "block"
    hate: Decision = "block"
    sexual: Decision = "no_notify"
    violence_and_weapons: Decision = "no_notify"
    drugs: Decision = "no_notify"
    crime: Decision = "no_notify"
    grief: Decision = "no_notify"
    pregnancy_and_loss: Decision = "no_notify"
    health: Decision = "no_notify"
    relationships: Decision = "no_notify"
    money: Decision = "no_notify"
    immigration: Decision = "no_notify"
    identity_and_belief: Decision = "no_notify"
    gambling: Decision = "no_notify"
    alcohol: Decision = "no_notify"
    threshold: float = 0.85
    """A text with at least this probability (0 to 1) of being sensitive is of the most probable category. Chosen by
    ``benchmarks/fit_safety.py``."""
    lexicon_threshold: float = 0.65
    """A text in which the lexicon found an entry is ordinary if the model was asked and gives a probability less than
    this. Chosen by ``benchmarks/fit_safety.py``."""
    keyword_share: float = 0.25
    """A journey whose name is of no category is sensitive if at least this share of its keywords are."""
    uncertain_margin: float = 0.05
    """A text whose probability is less than this below the threshold has no certain category: it is shown, and not
    sent."""

    def of(self, category: str) -> Decision:
        """The decision of a category.

        Raises:
            ValueError: there is no such category.
        """
        if category not in IDS:
            raise ValueError(f"no category {category!r}; known: {', '.join(IDS)}")
        decision: Decision = getattr(self, category)
        return decision
