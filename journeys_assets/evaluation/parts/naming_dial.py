"""Names by a language model against the number of journeys that it is asked about, from none to all."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.keywords.vectors import pack
from journeys_assets.domain.naming.features import JOURNEY
from journeys_assets.domain.naming.forms import key_of
from journeys_assets.domain.naming.names import name_journeys
from journeys_assets.domain.naming.params import NamingParams
from journeys_assets.domain.naming.suggestions import judged, to_show, worth
from journeys_assets.domain.statistics.resampling import interval, resamples
from journeys_assets.evaluation.baselines.name_readers import readings
from journeys_assets.evaluation.baselines.naming_judges import Embed
from journeys_assets.evaluation.data.naming_data import Journeys
from journeys_assets.evaluation.report.plots import new_figure, to_svg
from journeys_assets.evaluation.report.section import Plot
from journeys_assets.models.llm.base import Asker
from journeys_assets.models.naming.suggested import PURPOSE, question

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
BY_WORTH, AT_RANDOM = "greatest worth first", "in random order"
SEED = 7
_READER = "both: AUC"

Doubles = NDArray[np.float64]


def measured_dial(
    seen: Journeys, unread: pl.DataFrame, params: NamingParams, asker: Asker, embed: Embed
) -> pl.DataFrame:
    """How well names tell keywords apart, by the share of journeys that a model is asked about.

    Args:
        seen, unread: As from ``parts.naming.halved``.

    Returns:
        order (``BY_WORTH``, ``AT_RANDOM``), share (of journeys), n_calls, n_model_names (accepted), value (area under
        the ROC curve, mean over users), low and high (95 % interval over users); by order and share.
    """
    names = worth(name_journeys(seen.clusters, seen.facts, params))
    shown = list(to_show(names, names.select(JOURNEY)))
    replies = asker.ask(map(question, shown), PURPOSE)
    rows = [
        (one.user_id, journey_id, name, number)
        for number, (one, reply) in enumerate(zip(shown, replies, strict=True))
        for journey_id, name in (reply.value or {}).items()
    ]
    schema = {"user_id": pl.String, "journey_id": pl.String, "suggested_name": pl.String, "call": pl.Int64}
    given = pl.DataFrame(rows, schema=schema, orient="row")
    texts = given["suggested_name"].to_list()
    vectors = pl.Series(pack(embed(texts)) if texts else [], dtype=pl.Binary)
    accepted = judged(
        given.with_columns(embedding=vectors), names, centres(seen.clusters, embed), names.select(JOURNEY).clear()
    ).filter(pl.col("verdict") == "accepted")
    both = names.join(accepted.select(*JOURNEY, "suggested_name"), on=JOURNEY, how="left")
    without = _read(both.with_columns(name="journey_name"), unread, embed, "without")
    with_model = _read(
        both.with_columns(name=pl.coalesce("suggested_name", "journey_name")), unread, embed, "with_model"
    )
    calls = pl.DataFrame(
        [(one.user_id, journey_id, number) for number, one in enumerate(shown) for journey_id in one.journey_ids],
        schema={"user_id": pl.String, "journey_id": pl.String, "call": pl.Int64},
        orient="row",
    )
    table = (
        both.select(*JOURNEY, "worth", is_named=pl.col("suggested_name").is_not_null())
        .join(without, on=JOURNEY)
        .join(with_model, on=JOURNEY)
        .join(calls, on=JOURNEY, how="left")
        .join(seen.clusters.select(*JOURNEY, "user"), on=JOURNEY)
        .sort("worth", *JOURNEY, descending=[True, False, False])
    )
    random = np.random.default_rng(SEED).permutation(table.height)
    orders = {BY_WORTH: np.arange(table.height), AT_RANDOM: np.argsort(random)}
    return pl.DataFrame(
        [_point(table, order, rank, share) for order, rank in orders.items() for share in SHARES],
        schema=["order", "share", "n_calls", "n_model_names", "value", "low", "high"],
        orient="row",
    )


def plot_dial(points: pl.DataFrame, model: str) -> Plot:
    """The curve of :func:`measured_dial`."""
    figure, (axes,) = new_figure(6.5, 3.6)
    for order, colour in ((BY_WORTH, "#c1272d"), (AT_RANDOM, "#9aa5b1")):
        rows = points.filter(order=order)
        axes.plot(rows["share"], rows["value"], "o-", color=colour, label=order, markersize=4)
        axes.fill_between(rows["share"], rows["low"], rows["high"], color=colour, alpha=0.12, linewidth=0)
    axes.set_xlabel("share of journeys that the model is asked about")
    axes.set_ylabel("readers tell keywords apart (AUC)")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    return Plot(
        f"Names by {model} where they are accepted, else without a model: quality against the share of journeys that "
        "the model is asked about, with 95 % intervals over users.",
        to_svg(figure),
    )


def centres(clusters: pl.DataFrame, embed: Embed) -> pl.DataFrame:
    """Journeys with the mean vector of their keywords, as ``domain.naming.suggestions`` takes them."""
    packed = []
    for keywords in clusters["keywords"].to_list():
        mean = embed(keywords).mean(axis=0, keepdims=True)
        packed += pack(mean / np.linalg.norm(mean))
    return clusters.select(*JOURNEY, "keyword_theme_centralities").with_columns(
        centroid=pl.Series(packed, dtype=pl.Binary)
    )


def _read(names: pl.DataFrame, unread: pl.DataFrame, embed: Embed, column: str) -> pl.DataFrame:
    """user_id, journey_id and how well the name of each journey is read, in ``column``."""
    keywords = pl.Series("keyword", [key_of(name) for name in names["name"]], dtype=pl.String)
    rows = names.select(JOURNEY).with_columns(keywords)
    return rows.join(readings(rows, unread, embed), on=[*JOURNEY, "keyword"]).select(
        *JOURNEY, pl.col(_READER).alias(column)
    )


def _point(table: pl.DataFrame, order: str, rank: NDArray[np.int64], share: float) -> tuple[object, ...]:
    """One row of :func:`measured_dial`."""
    is_asked = pl.Series(rank < round(share * table.height))
    used = table.with_columns(
        value=pl.when(is_asked).then("with_model").otherwise("without"), is_model=pl.col("is_named") & is_asked
    )
    by_user = used.group_by("user").agg(pl.col("value").mean()).sort("user")["value"].to_numpy()
    means = resamples(by_user.size, seed=SEED) @ by_user / by_user.size
    low, high = interval(means, by_user.size)
    n_calls = table.filter(is_asked)["call"].drop_nulls().n_unique()
    return order, share, n_calls, int(used["is_model"].sum()), float(by_user.mean()), low, high
