"""What a journey theme of the synthetic world is made of.

What belongs here: the shape of a theme. What does not: the themes themselves (``themes_*``) and how users behave.
"""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("situational", "evergreen", "seasonal")


@dataclass(frozen=True, slots=True)
class Theme:
    """One thing that people try to do, in the words that they use for it.

    Attributes:
        name: What a good journey name would say.
        kind: situational (concludes), evergreen (goes on for ever) or seasonal (returns each year).
        phrases: At least 18 searches that somebody with this aim types; varied, not all sharing one word.
        translations: Searches of the same aim in other languages; may be empty.
        interests: Two to four broader words that catalogues file such items under; shared between themes.
        boards: One to three names that people give a board for it.
        months: For seasonal themes, the months (1-12) in which it is active.
    """

    name: str
    kind: str
    phrases: tuple[str, ...]
    interests: tuple[str, ...]
    boards: tuple[str, ...]
    translations: tuple[str, ...] = ()
    months: tuple[int, ...] = ()
