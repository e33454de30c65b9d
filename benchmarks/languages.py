"""Journeys in worlds of several languages, from landing files to names, with both packaged embedding models.

    python benchmarks/languages.py [--users 60] [--days 40] [--worlds de ja …] [--home FOLDER] [--names 10]

Each world is generated, ingested and run in full on its last day (``synthetic.languages``): once with
all-MiniLM-L6-v2, once with multilingual-e5-small. The clusters of each user are compared with the truth: B-cubed F1,
mean over users; a keyword without a theme is a journey of its own. *Default* is what the pipeline stored. *From the
log* is the same with the threshold that ``journeys calibrate`` finds without any label. *Best threshold* is the best
one for all users, *best per user* the best one for each: both know the truth. *All in one* is one cluster for each
user.

``written-en`` has English searches that were written like the German and Japanese ones; ``en`` has the edited ones of
the default world, which flatter MiniLM. Compare languages with the former.

Needs the extra ``multilingual``.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from journeys_assets.deployment import build_deployment, note_first_day
from journeys_assets.domain.clustering import calibration
from journeys_assets.domain.clustering.cut import released
from journeys_assets.domain.clustering.dendrograms import dendrogram_of
from journeys_assets.domain.keywords.text import normalise
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.statistics.partitions import bcubed_f1
from journeys_assets.evaluation.data.pseudo_users import PseudoUser, users_of_themes
from journeys_assets.models.embedding.base import Embedder
from journeys_assets.models.embedding.choose import make_embedder
from journeys_assets.models.embedding.multilingual import NAME as MULTILINGUAL
from journeys_assets.pipeline.pipeline import Pipeline, build_pipeline
from journeys_assets.pipeline.run import run_days
from journeys_assets.settings import load_settings
from journeys_assets.storage.ingest.call import ingest
from journeys_assets.storage.queries.vectors import stored_vectors
from journeys_assets.synthetic.languages import WORLD_LANGUAGES, WorldLanguage, language_of, themes_by_language
from journeys_assets.synthetic.noise_by_language import NOISE
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.theme import Theme
from journeys_assets.synthetic.world import World, generate_world, write_world

EMBEDDERS = ("minilm", MULTILINGUAL)
FIRST_DAY = date(2025, 10, 6)
SEED = 20260
LOADED_AT = datetime(2027, 1, 1)
"""After the end of the log, because later events would count as errors."""


def computed(home: Path, world: World, params: WorldParams, name: str, embedder: Embedder) -> Pipeline:
    """The pipeline of an empty home, after the world was ingested and its last day run in full."""
    settings = load_settings(home=home, embedder=name)
    pipeline = build_pipeline(build_deployment(settings, progress=lambda *_: None, embedder=embedder))
    write_world(world, home / "world")
    ingest(
        pipeline.warehouse,
        [home / "world" / "landing"],
        format="landing",
        now=LOADED_AT,
        actions=settings.algorithm.actions,
        scratch_dir=home / "scratch",
    )
    note_first_day(settings, pipeline.warehouse)
    last = params.first_day + timedelta(days=params.n_days - 1)
    run_days(pipeline, last, last, full=True)
    return pipeline


def clustered_users(pipeline: Pipeline, world: World) -> list[tuple[PseudoUser, list[str]]]:
    """Each user's keywords with their true themes, and the id of the stored cluster of each keyword."""
    found = pipeline.warehouse.query(
        "SELECT user_id, unnest(keywords) AS keyword, journey_id FROM main.journey_clusters ORDER BY ALL"
    )
    meant = world.truth["truth_keywords"].select("user_id", "theme", keyword="normalised_keyword")
    known = found.join(meant, on=["user_id", "keyword"], how="left").sort("user_id", "keyword")
    stored = [own["journey_id"].to_list() for _, own in known.group_by("user_id", maintain_order=True)]
    return list(zip(users_of_themes(known), stored, strict=True))


def figures(pipeline: Pipeline, world: World, model_version: str) -> dict[str, object]:
    """The row of one world and embedder."""
    users = [pair for pair in clustered_users(pipeline, world) if len(pair[0].keywords) > 1]
    params = pipeline.params.clustering
    cut = released(params.learned_cut)
    distinct = sorted({keyword for user, _ in users for keyword in user.keywords})
    with pipeline.warehouse.reading() as con:
        vectors = KeywordVectors.from_frame(stored_vectors(con, "keyword", distinct, model_version))
    ids = [f"{number:06d}" for number, (user, _) in enumerate(users) for _ in user.keywords]
    rows = pl.DataFrame({"user_id": ids, "keyword": [keyword for user, _ in users for keyword in user.keywords]})
    estimate = calibration.from_log(rows, vectors, params, cut)
    curves = []
    for user, _ in users:
        dendrogram = dendrogram_of(user.keywords, vectors.rows_for(user.keywords), params)
        labels = [dendrogram.labels(cut, least) for least in calibration.THRESHOLDS]
        curves.append([bcubed_f1(user.truth, own) for own in labels])
    curve = np.array(curves)
    place = int(np.abs(calibration.THRESHOLDS - estimate.least_log_odds).argmin())
    return {
        "users": len(users),
        "keywords a user": float(np.mean([len(user.keywords) for user, _ in users])),
        "default": float(np.mean([bcubed_f1(user.truth, stored) for user, stored in users])),
        "from the log": float(curve[:, place].mean()),
        "threshold": estimate.least_log_odds if estimate.is_known else None,
        "best threshold": float(curve.mean(axis=0).max()),
        "best per user": float(curve.max(axis=1).mean()),
        "all in one": float(np.mean([bcubed_f1(user.truth, np.zeros(len(user.truth))) for user, _ in users])),
    }


def named_journeys(pipeline: Pipeline, world: World, language: WorldLanguage) -> pl.DataFrame:
    """user_id, name, keywords of the journeys that are shown, and is_own: the name is in the user's own language.

    It is if it holds a text of that language of the world, or lies within one.
    """
    locales = dict(world.landing["users"].select("user_id", "locale").iter_rows())
    texts = {spoken: texts_in(spoken, themes) for spoken, themes in themes_by_language(language).items()}
    rows = pipeline.warehouse.query(
        "SELECT user_id, journey_name AS name, keywords FROM main.user_journeys ORDER BY ALL"
    )
    own = [
        any(text in normalise(name) or normalise(name) in text for text in texts[language_of(language, locales[user])])
        for user, name in rows.select("user_id", "name").iter_rows()
    ]
    return rows.with_columns(is_own=pl.Series(own, dtype=pl.Boolean))


def texts_in(language: str, themes: Sequence[Theme]) -> set[str]:
    """What users can write and meet in one language of a world, normalised."""
    noise = NOISE[language]
    texts = [*noise.navigational, *noise.one_off, *noise.generic, *noise.catch_all_boards, *noise.off_topic_interests]
    for theme in themes:
        texts += [*theme.phrases, *theme.interests, *theme.boards, *(text for _, text in theme.translations)]
    return {normalise(text) for text in texts} - {""}


def results(options: argparse.Namespace, home: Path) -> Iterator[dict[str, object]]:
    """One row for each world and embedder; names are printed on the way."""
    for language in options.worlds:
        params = WorldParams(
            seed=SEED, n_users=options.users, n_days=options.days, first_day=FIRST_DAY, language=language, bot_share=0.0
        )
        world = generate_world(params)
        for name in EMBEDDERS:
            embedder = make_embedder(name, home / "embedder")
            pipeline = computed(home / f"{language}-{name}", world, params, name, embedder)
            names = named_journeys(pipeline, world, language)
            row = figures(pipeline, world, embedder.model_version)
            yield {
                "world": language,
                "embedder": name,
                **row,
                "journeys": names.height,
                "names in the user's language": float(names["is_own"].mean() or 0.0),
            }
            show(names, options.names)


def show(names: pl.DataFrame, n: int) -> None:
    """Print ``n`` journeys."""
    rows = names.rows(named=True)
    for row in random.Random(1).sample(rows, min(n, len(rows))):
        print(f"  {row['user_id']}  {row['name']}  <  {' · '.join(row['keywords'][:6])}", flush=True)


def table(rows: Sequence[dict[str, object]]) -> str:
    """The rows in Markdown."""
    lines = [" | ".join(rows[0]), "|".join("---" for _ in rows[0])]
    for row in rows:
        lines.append(" | ".join(f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()))
    return "\n".join(f"| {line} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=60)
    parser.add_argument("--days", type=int, default=40)
    parser.add_argument("--worlds", nargs="+", choices=WORLD_LANGUAGES, default=WORLD_LANGUAGES)
    parser.add_argument("--home", type=Path, help="keep the deployments there (default: a temporary folder)")
    parser.add_argument("--names", type=int, default=0, help="journeys to print of each world and model")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        rows = []
        for row in results(options, options.home or Path(scratch)):
            rows.append(row)
            print(row, flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
