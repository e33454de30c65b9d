"""All journey themes of the synthetic world. Their words are in ``themes_*``.

The phrases were edited with all-MiniLM-L6-v2: phrases far from the rest of their theme got an additional word, and in
most themes a quarter of the phrases do not contain the theme's own word. Agreement with this truth is therefore a
regression figure. It says little about the same model and clustering on real text; use labelled public data for that.
"""

from __future__ import annotations

from journeys_assets.synthetic.theme import Theme
from journeys_assets.synthetic.themes_celebrations import CELEBRATIONS
from journeys_assets.synthetic.themes_crafts import CRAFTS
from journeys_assets.synthetic.themes_food_and_body import BODY, FOOD
from journeys_assets.synthetic.themes_home import HOME
from journeys_assets.synthetic.themes_life import LIFE

THEMES: tuple[Theme, ...] = (*HOME, *CELEBRATIONS, *FOOD, *BODY, *CRAFTS, *LIFE)
"""The order matters, because themes are drawn for users by position."""
THEME_BY_NAME: dict[str, Theme] = {theme.name: theme for theme in THEMES}
