"""Further themes of food, beside those of ``themes_food_and_body``."""

from __future__ import annotations

from journeys_assets.synthetic.theme import Theme, theme

THEMES: tuple[Theme, ...] = (
    theme(
        "kids lunch boxes",
        "situational",
        phrases="""school lunch ideas for kids; pinwheel sandwiches lunchbox; nut free school snacks;
        lunch box notes printable; thermos lunch ideas hot; sandwich cutter shapes; cold pasta salad for school;
        kindergarten lunch packing; lunchbox for picky eaters; homemade crackers and cheese box;
        keep apple slices from browning lunch; quesadilla lunch box cold; leakproof compartment lunch box;
        ice pack insulated bag kids; lunch without bread for kids; mini muffins for school; fruit skewers lunchbox;
        rainbow veggies and hummus cup; pack a week of school lunches; teenager school lunch ideas;
        kids lunch chart by food group; pizza roll ups school lunch""",
        interests="kids; recipes; parenting",
        boards="Lunch boxes; School lunches",
        abroad="""fr=idée lunch box enfant; fr=boîte à goûter école; fr=repas froid pour l'école;
        fr=sandwich rigolo enfant""",
    ),
)
