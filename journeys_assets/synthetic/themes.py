"""All journey themes of the synthetic world.

What belongs here: the list of themes. What does not: their words (``themes_*``) and how users pursue them.
"""

from __future__ import annotations

from journeys_assets.synthetic.theme import Theme
from journeys_assets.synthetic.themes_celebrations import CELEBRATIONS
from journeys_assets.synthetic.themes_crafts import CRAFTS
from journeys_assets.synthetic.themes_food_and_body import BODY, FOOD
from journeys_assets.synthetic.themes_home import HOME
from journeys_assets.synthetic.themes_life import LIFE

THEMES: tuple[Theme, ...] = (*HOME, *CELEBRATIONS, *FOOD, *BODY, *CRAFTS, *LIFE)
"""Order matters: what users are given is drawn by position."""
THEME_BY_NAME: dict[str, Theme] = {theme.name: theme for theme in THEMES}
