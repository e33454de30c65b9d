"""Labelled corpora of short texts, and users pooled from them: to fit a cut on, and to score it.

A corpus stands for the log of a deployment, so whole corpora are left out of what they are scored with. No keyword is
in two corpora, and the stray phrases of the users that are fitted on and of those that are scored are different ones.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from journeys_assets.evaluation.data.pseudo_users import (
    PseudoUser,
    distinct_phrases,
    is_held_out,
    pooled_users,
    pools,
    users_of_few_domains,
)
from journeys_assets.synthetic.themes import THEMES

SYNTHETIC = "themes"
"""The corpus of the phrases of the synthetic world's themes."""
STRAYS = "clinc150_oos"
"""The set of phrases that belong to no label."""
CATEGORIES = frozenset({"biomedical", "pricerunner", "searchsnippets"})
"""Corpora whose labels are broad categories rather than aims: 20 fields of medicine, 10 kinds of goods, 8 fields."""
SIZES = (((1, 8), 24), ((3, 12), 40), ((2, 25), 32), ((5, 60), 40), ((60, 150), 6))
"""Keywords per journey, and the number of users of that kind in a regime."""
STRAY_SHARES = (0.0, 0.2, 0.5)
JOURNEYS = ((1, 4), (3, 10))
SCORED_SIZES = {"light": (3, 12), "heavy": (5, 60)}
"""Keywords per journey of the users that are scored, by kind of user."""
_MOST_PHRASES, _MOST_OF_BROAD_LABELS, _FEW_LABELS = 100, 300, 20
"""Most phrases of a label; more where a corpus has at most 20 labels, so that small corpora are not made smaller."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Keywords with known labels, of one origin.

    Attributes:
        name: The name of the set.
        pool: Distinct normalised keywords of each label, both sorted.
        domains: The broader theme of each label; empty where it is not known.
    """

    name: str
    pool: Mapping[str, Sequence[str]]
    domains: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_of_categories(self) -> bool:
        """Whether the labels are broad categories rather than aims."""
        return self.name in CATEGORIES

    @property
    def keywords(self) -> list[str]:
        return [keyword for own in self.pool.values() for keyword in own]


@dataclass(frozen=True, slots=True)
class Corpora:
    """All corpora, and phrases that belong to none of them.

    Attributes:
        every: By name.
        fitting_strays, scored_strays: Strays of users that are fitted on, and of users that are scored; disjoint.
    """

    every: Sequence[Corpus]
    fitting_strays: Sequence[str]
    scored_strays: Sequence[str]

    @property
    def keywords(self) -> list[str]:
        pooled = [keyword for corpus in self.every for keyword in corpus.keywords]
        return [*pooled, *self.fitting_strays, *self.scored_strays]

    def without(self, name: str) -> Corpora:
        """The corpora except for the one called ``name``."""
        return Corpora([own for own in self.every if own.name != name], self.fitting_strays, self.scored_strays)


def corpora_of(*labelled: pl.DataFrame | None) -> Corpora:
    """The corpora in ``labelled`` and the themes of the synthetic world.

    Keywords that are in two corpora are left out of both. Of a label with many phrases, those with the lowest CRC-32
    are taken.

    Args:
        labelled: set, text, label, domain; None for files that do not exist. The set ``STRAYS`` gives the strays.
    """
    columns = ("set", "text", "label", "domain")
    phrases = distinct_phrases(pl.concat([_themes(), *(own.select(columns) for own in labelled if own is not None)]))
    phrases = phrases.filter(pl.col("keyword").str.len_chars() > 0, ~pl.col("keyword").is_duplicated())
    domains: dict[str, dict[str, str]] = {}
    for name, label, domain in phrases.drop_nulls("domain").select("set", "label", "domain").unique().iter_rows():
        domains.setdefault(name, {})[label] = domain
    every = []
    for name in sorted(set(phrases["set"]) - {STRAYS}):
        pool = pools(phrases, name)
        most = _MOST_OF_BROAD_LABELS if len(pool) <= _FEW_LABELS else _MOST_PHRASES
        chosen = {label: sorted(sorted(own, key=_crc)[:most]) for label, own in pool.items()}
        every.append(Corpus(name, chosen, domains.get(name, {})))
    strays = sorted(phrases.filter(set=STRAYS)["keyword"])
    return Corpora(every, *([s for s in strays if is_held_out(s) == scored] for scored in (False, True)))


def fitting_users(corpus: Corpus, strays: Sequence[str]) -> list[PseudoUser]:
    """Users of every regime that a cut learns from, with two keywords or more: of 1 to 10 journeys with 1 to 150
    keywords each, and 0 to 50 % strays."""
    users: list[PseudoUser] = []
    for size, n_users in SIZES:
        for share in STRAY_SHARES:
            for journeys in JOURNEYS:
                users += pooled_users(
                    corpus.pool,
                    n_users=n_users // 2,
                    seed=_crc(corpus.name) + len(users),
                    journeys=journeys,
                    keywords=size,
                    strays=strays if share else (),
                    stray_share=share,
                )
    return [user for user in users if len(user.keywords) > 1]


def scored_users(corpus: Corpus, strays: Sequence[str], *, n_users: int, seed: int = 1) -> dict[str, list[PseudoUser]]:
    """``n_users`` light and ``n_users`` heavy users of 2 to 8 journeys; a third of them have 20 % strays."""
    n_strayed = n_users // 3
    users: dict[str, list[PseudoUser]] = {}
    for number, (kind, size) in enumerate(SCORED_SIZES.items()):
        users[kind] = [
            user
            for n, own, share in ((n_users - n_strayed, (), 0.0), (n_strayed, strays, 0.2))
            for user in pooled_users(
                corpus.pool,
                n_users=n,
                seed=100 * seed + 2 * number + bool(share),
                journeys=(2, 8),
                keywords=size,
                strays=own,
                stray_share=share,
            )
        ]
    return users


def domain_users(corpus: Corpus, strays: Sequence[str], *, n_users: int, seed: int) -> dict[str, list[PseudoUser]]:
    """Users whose broader themes are known, by kind: light and heavy, with and without 20 % strays; with labels of any
    domain, few of which are of the same one, and with labels of one to three domains.

    Raises:
        ValueError: the domains of the corpus are not known.
    """
    if not corpus.domains:
        raise ValueError(f"the labels of {corpus.name!r} have no domains")
    users: dict[str, list[PseudoUser]] = {}
    for size in SCORED_SIZES.values():
        for own, share in (((), 0.0), (strays, STRAY_SHARES[1])):
            kind = f"{size[0]}-{size[1]}" + (f" + {share:.0%} strays" if share else "")
            users[f"any domain, {kind}"] = pooled_users(
                corpus.pool,
                n_users=n_users,
                seed=seed,
                journeys=(2, 8),
                keywords=size,
                strays=own,
                stray_share=share,
                domains=corpus.domains,
            )
            users[f"few domains, {kind}"] = users_of_few_domains(
                corpus.pool, corpus.domains, n_users=n_users, seed=seed, keywords=size, strays=own, stray_share=share
            )
    return users


def _themes() -> pl.DataFrame:
    rows = [(SYNTHETIC, phrase, theme.name, None) for theme in THEMES for phrase in theme.phrases]
    schema = dict.fromkeys(("set", "text", "label", "domain"), pl.String)
    return pl.DataFrame(rows, schema=schema, orient="row")


def _crc(text: str) -> int:
    return zlib.crc32(text.encode())
