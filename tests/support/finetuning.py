"""A deployment to teach from, a model that is small enough for tests, and configuration files of the recipe."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from journeys_assets.models.finetuning.weights import save
from tests.sandbox import Sandbox
from tests.support.tiny_server import tiny_model

FIRST, LAST = date(2026, 3, 1), date(2026, 3, 2)
THEMES: Mapping[str, tuple[str, ...]] = {
    theme: tuple(f"{theme} {word}" for word in words.split())
    for theme, words in {
        "garden": "beds layout compost paths fence",
        "guitar": "chords songs strings tuner lessons",
        "wedding": "dress venue cake invitations rings",
        "kitchen": "tiles island lighting cabinets sink",
        "marathon": "plan shoes pace nutrition taper",
        "sewing": "pattern machine fabric buttons hem",
    }.items()
}
N_USERS = 8
LEARNING_SPREAD = 0.2
"""Of a tiny model that is to learn something."""


ALGORITHM = "[algorithm.inference]\nmost_journeys = 3\n[algorithm.judging]\nshare_of_users = 0.0\n"


def searches() -> pl.DataFrame:
    """Every user searches for three themes on two days."""
    themes = list(THEMES)
    rows = [
        (f"user-{user}", query, datetime.combine(FIRST + timedelta(days=n % 2), datetime.min.time()))
        for user in range(N_USERS)
        for k in range(3)
        for n, query in enumerate(THEMES[themes[(user + 2 * k + k // 2) % len(themes)]])
    ]
    schema = {"user_id": pl.String, "query": pl.String, "searched_at": pl.Datetime("us")}
    return pl.DataFrame(rows, schema=schema, orient="row")


def run_world(home: Path) -> Sandbox:
    """A deployment with the searches, run."""
    home.mkdir(parents=True)
    # A model that knows nothing writes until it may not go on.
    (home / "journeys.toml").write_text(ALGORITHM)
    made = Sandbox(home)
    made.land({"search_events": searches()})
    made.run(FIRST, LAST)
    return made


def topics_of_world() -> pl.DataFrame:
    """keyword, topic of every search."""
    rows = [(keyword, theme) for theme, keywords in THEMES.items() for keyword in keywords]
    return pl.DataFrame(rows, schema=["keyword", "topic"], orient="row")


def save_tiny_model(folder: Path) -> Path:
    """The tiny model as transformers saves it."""
    save(*tiny_model(LEARNING_SPREAD), folder)
    return folder


CONFIG = """\
folder = "tuned"
base = "tiny"
name = "tiny-tuned"
topics = "topics.parquet"
{teacher}
[labels]
judged_by = "{judged_by}"
least_level = 1
history_tokens = 300
[training]
instructions = "first_sentence"
epochs = {epochs}
batch_size = 4
learning_rate = 0.02
checkpoint_steps = 3
longest = 900
[evaluation]
most_questions = 6
"""


def write_config(folder: Path, *, epochs: int = 2, judged_by: str = "rubric", teacher: str = "") -> Path:
    """A configuration file in ``folder``, where the tiny model and the topics lie too."""
    topics_of_world().write_parquet(folder / "topics.parquet")
    file = folder / "tiny.toml"
    file.write_text(CONFIG.format(epochs=epochs, judged_by=judged_by, teacher=teacher))
    return file
