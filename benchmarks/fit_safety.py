"""Fits the model of sensitive texts and measures it out of fold.

    python benchmarks/fit_safety.py [--write]

Training texts are those of ``benchmarks/safety/*.yml``, what the English lexicon stands for, and the searches of the
synthetic themes (ordinary, except those of three themes). Folds hold out whole entries, so a text is never judged by a
model that was fitted on a variant of it. Figures are for the model alone and for lexicon and model together, the latter
only on hand-written texts. ``--write`` fits on all texts and writes ``heads.json``.
"""

from __future__ import annotations

import argparse
import hashlib
import random
from pathlib import Path

import numpy as np
import yaml
from sklearn.model_selection import GroupKFold
from sklearn.neural_network import MLPClassifier

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
MOST = {"hand": 10, "lexicon": 5, "ordinary": 60, "protected": 4, "abroad": 1}
"""Most texts of one entry, by source."""
N_FOLDS = 5
HIDDEN, ALPHA = 64, 3e-3
SEED = 20260301
FPRS = (0.01, 0.02, 0.03, 0.05)


def all_themes() -> list[Theme]:
    modules = (themes_celebrations, themes_crafts, themes_food_and_body, themes_home, themes_life)
    tuples = [value for module in modules for value in vars(module).values() if isinstance(value, tuple)]
    return [theme for values in tuples for theme in values if isinstance(theme, Theme)]


def written(name: str) -> dict[str, list[str]]:
    content = yaml.safe_load((ROOT / "benchmarks/safety" / name).read_text())
    return {key: [" ".join(i.split()) for i in text.split(";") if i.strip()] for key, text in content.items()}


def texts() -> list[tuple[str, int, str, str]]:
    """(text, class with 0 for ordinary, entry, source)."""
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
    first: dict[str, tuple[str, int, str, str]] = {}
    for row in rows:
        if len(row[0]) > 2:
            first.setdefault(row[0], row)
    return list(first.values())


def fitted(x: np.ndarray, y: np.ndarray, seeds: int = 3) -> list[MLPClassifier]:
    return [
        MLPClassifier((HIDDEN,), alpha=ALPHA, max_iter=40, early_stopping=False, random_state=s).fit(x, y)
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--words", action="store_true", help="print the words of ordinary English texts")
    arguments = parser.parse_args()
    rows = texts()
    y = np.array([row[1] for row in rows])
    source = np.array([row[3] for row in rows])
    print({name: int((source == name).sum()) for name in set(source)}, "ordinary", int((y == 0).sum()))
    lexicon = packaged_lexicon()
    hits = [lexicon.hits(row[0]) for row in rows]
    vectors = OnnxEmbedder(PackagedMiniLm()).embed([row[0] for row in rows])
    x = inputs(vectors, hits)
    strong = np.array([bool(h.strong) for h in hits])

    entries = np.unique([row[2] for row in rows], return_inverse=True)[1]
    p = np.zeros((len(rows), 1 + len(IDS)))
    for train, test in GroupKFold(N_FOLDS, shuffle=True, random_state=SEED).split(x, y, entries):
        p[test] = heads_of(fitted(x[train], y[train], 1)).probabilities(vectors[test], [hits[i] for i in test])
    score = 1 - p[:, 0]
    plain = (y == 0) & (source != "protected")
    print("lexicon alone: false positives", strong[plain].mean().round(4))
    for i in np.flatnonzero(plain & strong)[:60]:
        print("   lexicon fires on:", rows[i][0], hits[i].strong)
    for rate in FPRS:
        t = float(np.quantile(score[plain & ~strong], 1 - rate))
        both = strong | (score >= t)
        hand = source == "hand"
        recall = {c: (both[hand & (y == k + 1)].mean().round(3)) for k, c in enumerate(IDS)}
        alone = {c: ((score >= t)[hand & (y == k + 1)].mean().round(3)) for k, c in enumerate(IDS)}
        protected = (score >= t)[source == "protected"].mean()
        print(f"fpr of the model {rate}: threshold {t:.3f}; protected fp {protected:.3f}")
        print("   with lexicon:", recall)
        print("   model alone: ", alone)
    worst = sorted(np.flatnonzero((y == 0) & ~strong), key=lambda i: -score[i])[:40]
    print("most sensitive ordinary:", [(rows[i][0], IDS[int(p[i, 1:].argmax())], round(score[i], 2)) for i in worst])
    lost = sorted(np.flatnonzero((source == "hand") & ~strong), key=lambda i: score[i])[:40]
    print("least sensitive of hand:", [(rows[i][0], IDS[y[i] - 1], round(score[i], 2)) for i in lost])

    if arguments.words:
        themes = [theme for theme in all_themes() if theme.name not in SENSITIVE_THEMES]
        found = {word for theme in themes for text in (*theme.phrases, *theme.boards) for word in folded(text).split()}
        found |= {word for row in rows if row[3] == "ordinary" for word in folded(row[0]).split()}
        print("words:", " ".join(sorted(found)))
    if arguments.write:
        text = heads_of(fitted(x, y)).to_json()
        (ROOT / "journeys_assets/models/safety/heads.json").write_text(text)
        print("sha256", hashlib.sha256(text.encode()).hexdigest(), len(text), "bytes")


if __name__ == "__main__":
    main()
