"""Fits the model of sensitive texts and measures it out of fold.

    python benchmarks/fit_safety.py [--write]

Training texts are those of ``benchmarks/safety``, what the English lexicon stands for, and the searches of the
synthetic themes (ordinary, except those of three themes). Natural texts (``natural_*.csv``, written one by one, without
sight of the lexicon) weigh most. Folds hold out whole entries, and runs of natural texts that were written one after
another, so a text is never judged by a model that was fitted on a variant of it. Figures are of held-out natural texts.
``--write`` does not measure; it fits on all texts and writes ``heads.json``.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import random
import warnings
from pathlib import Path

import numpy as np
import yaml
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GroupKFold
from sklearn.neural_network import MLPClassifier

from journeys_assets.domain.keywords.vectors import pack, unpack
from journeys_assets.domain.safety.categories import IDS
from journeys_assets.domain.safety.lexicon import folded, phrases_of
from journeys_assets.models.embedding.onnx import OnnxEmbedder, OnnxModel
from journeys_assets.models.embedding.packaged import PackagedMiniLm
from journeys_assets.models.safety.heads import Heads, inputs
from journeys_assets.models.safety.lexicon_files import packaged_lexicon
from journeys_assets.synthetic import themes_celebrations, themes_crafts, themes_food_and_body, themes_home, themes_life
from journeys_assets.synthetic.theme import Theme

ROOT = Path(__file__).resolve().parents[1]
SENSITIVE_THEMES = {
    "pregnancy": "pregnancy_and_loss",
    "mindfulness and anxiety": "health",
    "knee rehab": "health",
}
WEIGHTS = {"natural": 3.0, "hand": 1.0, "ordinary": 1.0, "theme": 0.5, "protected": 0.5, "lexicon": 0.3}
"""Weight of a text, by source."""
RUN = 15
"""Natural texts of one fold that follow one another in their file."""
MOST = {"hand": 10, "lexicon": 5, "ordinary": 60, "protected": 4, "abroad": 1}
"""Most texts of one entry, by source."""
N_FOLDS = 4
HIDDEN, ALPHA, EPOCHS = 64, 3e-2, 12
SEED = 20260301


def all_themes() -> list[Theme]:
    modules = (themes_celebrations, themes_crafts, themes_food_and_body, themes_home, themes_life)
    tuples = [value for module in modules for value in vars(module).values() if isinstance(value, tuple)]
    return [theme for values in tuples for theme in values if isinstance(theme, Theme)]


def written(name: str) -> dict[str, list[str]]:
    content = yaml.safe_load((ROOT / "benchmarks/safety" / name).read_text())
    return {key: [" ".join(i.split()) for i in text.split(";") if i.strip()] for key, text in content.items()}


def natural(name: str) -> list[tuple[str, int, str, str, str]]:
    """(text, class, entry, source, language) of one file of natural texts."""
    with (ROOT / "benchmarks/safety" / name).open(newline="") as file:
        rows = list(csv.DictReader(file))
    place = [1 + IDS.index(row["category"]) if "category" in row else 0 for row in rows]
    return [(row["text"], place[at], f"{name} {at // RUN}", "natural", row["language"]) for at, row in enumerate(rows)]


def texts() -> list[tuple[str, int, str, str, str]]:
    """(text, class with 0 for ordinary, entry, source, language)."""
    chance = random.Random(SEED)
    vocabulary = set(OnnxModel(PackagedMiniLm().files).tokenizer.get_vocab())

    def some(entry: str, source: str) -> list[str]:
        found = [p.replace("..", " ") for p in phrases_of(entry)]
        found = [p for p in found if all("*" not in w or w.strip("*") in vocabulary for w in p.split())]
        found = [" ".join(p.replace("*", "").split()) for p in found]
        chance.shuffle(found)
        return found[: MOST[source]]

    rows = []
    for category, entries in written("sensitive.yml").items():
        rows += [(t, 1 + IDS.index(category), e, "hand") for e in entries for t in some(e, "hand")]
    for topic, entries in written("ordinary.yml").items():
        rows += [(t, 0, f"{topic}: {e}", "ordinary") for e in entries for t in some(e, "ordinary")]
    for entry in packaged_lexicon().entries:
        if entry.strength == "weak":
            continue
        place = 0 if entry.category is None else 1 + IDS.index(entry.category)
        if entry.language == "en":
            source = "protected" if entry.category is None else "lexicon"
            few = 1 if source == "lexicon" else 2  # a protected word alone is too often sensitive elsewhere
            rows += [(t, place, entry.pattern, source) for t in some(entry.pattern, source) if len(t.split()) >= few]
    for theme in all_themes():
        place = 1 + IDS.index(SENSITIVE_THEMES[theme.name]) if theme.name in SENSITIVE_THEMES else 0
        own = [*theme.phrases, *theme.boards, *(text for _, text in theme.translations)]
        rows += [(text.lower(), place, theme.name, "theme") for text in own]
    first: dict[str, tuple[str, int, str, str, str]] = {}
    every = natural("natural_sensitive.csv") + natural("natural_ordinary.csv") + [(*row, "en") for row in rows]
    for row in every:
        if len(row[0]) > 1:
            first.setdefault(folded(row[0]), row)
    return list(first.values())


def fitted(x: np.ndarray, y: np.ndarray, weights: np.ndarray, seeds: int = 3) -> list[MLPClassifier]:
    return [
        MLPClassifier((HIDDEN,), alpha=ALPHA, max_iter=EPOCHS, early_stopping=False, random_state=s).fit(
            x, y, sample_weight=weights
        )
        for s in range(seeds)
    ]


def heads_of(models: list[MLPClassifier]) -> Heads:
    """One network that averages the logits of several."""
    return Heads(
        hidden=np.hstack([m.coefs_[0] for m in models]),
        hidden_bias=np.concatenate([m.intercepts_[0] for m in models]),
        output=np.vstack([m.coefs_[1] for m in models]) / len(models),
        output_bias=np.mean([m.intercepts_[1] for m in models], axis=0),
    )


def main() -> None:
    warnings.simplefilter("ignore", ConvergenceWarning)  # few epochs are meant
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--words", action="store_true", help="print the words of ordinary English texts")
    arguments = parser.parse_args()
    rows = texts()
    y = np.array([row[1] for row in rows])
    source = np.array([row[3] for row in rows])
    weights = np.array([WEIGHTS[name] for name in source])
    weights /= weights.mean()
    print({name: int((source == name).sum()) for name in WEIGHTS}, "ordinary", int((y == 0).sum()))
    lexicon = packaged_lexicon()
    hits = [lexicon.hits(row[0]) for row in rows]
    # Rounded to float16, as the judge rounds them.
    vectors = unpack(pack(OnnxEmbedder(PackagedMiniLm()).embed([folded(row[0]) for row in rows])))
    x = inputs(vectors, hits)
    if arguments.write:
        text = heads_of(fitted(x, y, weights)).to_json()
        (ROOT / "journeys_assets/models/safety/heads.json").write_text(text)
        print("sha256", hashlib.sha256(text.encode()).hexdigest(), len(text), "bytes")
        return

    strong = np.array([bool(h.strong) for h in hits])
    english = np.array([lexicon.looks_english(row[0]) for row in rows])

    entries = np.unique([row[2] for row in rows], return_inverse=True)[1]
    p = np.zeros((len(rows), 1 + len(IDS)))
    for train, test in GroupKFold(N_FOLDS, shuffle=True, random_state=SEED).split(x, y, entries):
        models = fitted(x[train], y[train], weights[train], 1)
        p[test] = heads_of(models).probabilities(vectors[test], [hits[i] for i in test])
    score = 1 - p[:, 0]
    of_people = source == "natural"
    is_en = np.array([row[4] == "en" for row in rows])
    for name, some in (("English", is_en), ("other", ~is_en)):
        print(f"of {name} texts, {english[of_people & some].mean():.3f} look English")
        for kind, of_kind in (("sensitive", y > 0), ("ordinary", y == 0)):
            print(f"lexicon alone flags {strong[of_people & some & of_kind].mean():.3f} of {name} {kind} texts")
    asked = of_people & english
    for low in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9):
        for high in (0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95):
            flagged = np.where(strong, score >= low, score >= high)
            wrong, right = flagged[asked & (y == 0)].mean(), flagged[asked & (y > 0)].mean()
            print(f"lexicon_threshold {low}, threshold {high}: {wrong:.3f} of ordinary, {right:.3f} of sensitive")
    worst = sorted(np.flatnonzero((y == 0) & ~strong & asked), key=lambda i: -score[i])[:60]
    print("most sensitive ordinary:", [(rows[i][0], IDS[int(p[i, 1:].argmax())], round(score[i], 2)) for i in worst])
    lost = sorted(np.flatnonzero((y > 0) & asked), key=lambda i: score[i])[:150]
    print("least sensitive:", [(rows[i][0], IDS[y[i] - 1], round(score[i], 2)) for i in lost])

    if arguments.words:
        themes = [theme for theme in all_themes() if theme.name not in SENSITIVE_THEMES]
        found = {word for theme in themes for text in (*theme.phrases, *theme.boards) for word in folded(text).split()}
        found |= {
            word
            for row in rows
            if row[3] in ("ordinary", "natural") and row[1] == 0 and row[4] == "en"
            for word in folded(row[0]).split()
        }
        print("words:", " ".join(sorted(found)))


if __name__ == "__main__":
    main()
