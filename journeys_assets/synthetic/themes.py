"""All journey themes of the synthetic world.

What belongs here: the list of themes. What does not: their words (``themes_*``) and how users pursue them.

The phrases were edited with all-MiniLM-L6-v2 at hand: those far from the rest of their theme got a word more;
in most themes a quarter was left without the theme's own word. So agreement with this truth is a regression figure
and says little of how the same model and clustering do on real text; labelled public sets are there for that.
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
