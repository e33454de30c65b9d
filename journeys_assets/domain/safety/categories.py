"""The categories of texts that must not be used for targeting: a closed set, and what each one covers.

A category says what a text is about. It is no judgement of the person, and not the same as harm: *divorce lawyer* is
harmless, but nobody wants a notification about it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Category:
    """One category.

    Attributes:
        id: As it stands in tables and results.
        covers: What belongs to it, in one line.
    """

    id: str
    covers: str


CATEGORIES: tuple[Category, ...] = (
    Category("self_harm", "suicide, self-injury, eating disorders"),
    Category("minors", "texts that show that the person is under 18, and sexual or other unsafe interest in children"),
    Category("hate", "contempt for people because of what they are: slurs, supremacism, denial of genocides"),
    Category("sexual", "sex, nudity, pornography, sex toys, casual encounters"),
    Category("violence_and_weapons", "weapons, hunting, murder, assault, terrorism, cruelty"),
    Category("drugs", "illegal drugs, cannabis, tobacco and vaping, addiction and rehabilitation"),
    Category("crime", "criminal records, arrest, prison, criminal justice, committing or suffering crime"),
    Category("grief", "death of a person or a pet, funerals, mourning"),
    Category("pregnancy_and_loss", "pregnancy, fertility, birth, adoption, contraception, miscarriage, abortion"),
    Category("health", "illness, disability, medication, mental health, care"),
    Category("relationships", "break-up, divorce, infidelity, abuse, custody, dating"),
    Category("money", "debt, bankruptcy, unemployment, eviction, poverty, loans"),
    Category("immigration", "visas, asylum, residence, citizenship, deportation"),
    Category(
        "identity_and_belief",
        "religion, politics, ethnicity, sexual orientation, gender identity, trade unions",
    ),
    Category("gambling", "betting, casinos, lotteries"),
    Category("alcohol", "drinking and alcoholic drinks, hangovers, alcoholism"),
)
"""From the gravest to the mildest. Where a text is of several categories, the first one of this order counts."""

IDS: tuple[str, ...] = tuple(category.id for category in CATEGORIES)
"""The ids, in the same order."""
