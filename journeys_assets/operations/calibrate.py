"""Calibration of a deployment or of a file: the threshold that judged pairs and the log suggest, and its release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.clustering import calibration
from journeys_assets.domain.clustering.calibration import Collapse, LogEstimate
from journeys_assets.domain.clustering.edits import edit_pairs
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.vocabulary import MERGE, SPLIT
from journeys_assets.errors import JourneysError
from journeys_assets.models.calibration import release as releases
from journeys_assets.models.calibration.release import Calibration
from journeys_assets.models.llm.base import Asker
from journeys_assets.operations import judged_pairs
from journeys_assets.storage.queries.edits import edits_as_of
from journeys_assets.storage.queries.inference import clustered_keywords, clustered_users
from journeys_assets.storage.queries.superseded import kept_from
from journeys_assets.storage.queries.vectors import stored_vectors
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

MOST_USERS = 2_000
"""Users of a deployment that a calibration looks at; bounds time and memory."""
FEWEST_PAIRS = 10
FEWEST_ASKED_USERS = 5
"""Fewer judged pairs, or pairs of fewer users, are too little to cluster every user by."""
MOST_COLLAPSED = 0.9
"""A threshold that has all keywords of more of the users in one cluster is not released, nor one that has all apart."""
LEAST_CHANGE, LEAST_AREA_CHANGE = 0.1, 0.01
"""A threshold, of areas too, that is nearer to the live one is not released: it would cluster every user again for
nothing."""


class CalibrationError(JourneysError):
    """A calibration cannot be made. The message says what is missing or wrong, and the cure."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold, and what it was found from.

    Attributes:
        least_log_odds: For ``ClusteringParams``.
        log: What the log alone says.
        n_unused: Judged pairs of keywords that the user does not have.
        n_asked_users: Users of the judged pairs that were used.
        judged_by: Language models that judged some of them, in order.
        margins, same: (n_pairs,), margin of each judged pair that was used, and whether it was judged the same.
        n_from_edits: How many of them are merges and splits by users.
    """

    least_log_odds: float
    log: LogEstimate
    n_unused: int = 0
    n_asked_users: int = 0
    judged_by: tuple[str, ...] = ()
    margins: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    same: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, dtype=np.bool_))
    n_from_edits: int = 0

    @property
    def n_pairs(self) -> int:
        """Judged pairs that were used."""
        return len(self.margins)

    def params(self, clustering: ClusteringParams) -> ClusteringParams:
        """``clustering`` with what was found."""
        return replace(clustering, least_log_odds=self.least_log_odds, area_distance=self.log.area_distance)

    def contradicted(self, least_log_odds: float) -> int:
        """Number of the judged pairs that a threshold contradicts."""
        return int(((self.margins > least_log_odds) != self.same).sum())

    @property
    def source(self) -> str:
        """What it was found from, for people."""
        if self.n_pairs:
            of_users = f" ({self.n_from_edits} of them merges and splits by users)" if self.n_from_edits else ""
            return f"{self.n_pairs} judged pairs{of_users}" + (" and the log" if self.log.is_known else "")
        if self.log.n_users < calibration.FEWEST_USERS:
            return "the deployment"
        return f"the log alone, {self.log.n_users} users" + ("" if self.log.is_known else ", areas only")


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The result of a calibration.

    Attributes:
        threshold: What was found.
        before: The thresholds that are live otherwise.
        release: With the threshold; it is live from its day on once it is saved.
        refused: Why it must not be released; None where it may.
        folder: Of the release; None where nothing was released.
    """

    threshold: Threshold
    before: ClusteringParams
    release: Calibration
    refused: str | None
    folder: Path | None = None

    @property
    def live_from(self) -> date:
        """First day on which the release is used."""
        return self.release.live_from


def find_threshold(
    rows: pl.DataFrame, vectors: KeywordVectors, params: ClusteringParams, judged: pl.DataFrame | None = None
) -> Threshold:
    """The threshold that suits some users.

    Args:
        rows: user_id, keyword, normalised; a row for each keyword of a user.
        vectors: A unit vector for each keyword.
        params: Their threshold is the default where there is nothing to find another one from.
        judged: Rows of :func:`read_pairs`; None: the log alone.
    """
    log = calibration.from_log(rows, vectors, params)
    if judged is None or judged.is_empty():
        return Threshold(log.least_log_odds, log)
    margins = calibration.margins_of(judged, rows, vectors, params)
    known = ~np.isnan(margins)
    used, same = margins[known], judged["same"].to_numpy()[known]
    found = calibration.from_pairs(log.least_log_odds, calibration.spread_of(log), used, same)
    of = judged.filter(known)
    models = tuple(of["judged_by"].drop_nulls().unique().sort())
    return Threshold(found, log, int((~known).sum()), of["user_id"].n_unique(), models, used, same)


def calibrate(
    warehouse: Warehouse,
    params: ClusteringParams,
    embedding_model: str,
    folder: Path,
    as_of: date,
    judged: pl.DataFrame | None = None,
) -> Calibrated:
    """Find the threshold of a deployment and release it, live from the day after ``as_of``; see :func:`proposal`."""
    found = proposal(warehouse, params, embedding_model, folder, as_of, judged)
    return found if found.refused else replace(found, folder=releases.save(found.release, folder))


def proposal(
    warehouse: Warehouse,
    params: ClusteringParams,
    embedding_model: str,
    folder: Path,
    as_of: date,
    judged: pl.DataFrame | None = None,
) -> Calibrated:
    """The threshold of a deployment and whether it may be released. Nothing is written.

    It may not

    * where too few users or judged pairs say anything,
    * where a release of a later day exists, which would stay live,
    * where the threshold hardly changes, or contradicts more of the judged pairs than the live one,
    * where it no longer tells the keywords of the users apart: nearly all have one cluster, or none of two keywords.

    Args:
        folder: Of the releases.
        judged: Rows of :func:`read_pairs`. Merges and splits by users are judged pairs, too.

    Raises:
        CalibrationError: no user has been clustered by ``as_of``.
    """
    edits = _merges_and_splits(warehouse, as_of)
    asked = edits["user_id"] if judged is None else pl.concat([judged["user_id"], edits["user_id"]])
    rows, vectors = _keywords_of(warehouse, embedding_model, as_of, asked.unique().sort().to_list())
    live = releases.clustering_on(folder, date.max, params)
    of_edits = edit_pairs(edits, rows, vectors).with_columns(judged_by=pl.lit(None, dtype=pl.String))
    if judged is None or judged.is_empty():
        # Too few edits must not stand in the way of what the log alone says.
        suffices = len(of_edits) >= FEWEST_PAIRS and of_edits["user_id"].n_unique() >= FEWEST_ASKED_USERS
        of_edits = judged = of_edits if suffices else of_edits.clear()
    else:
        judged = pl.concat([judged.select(of_edits.columns), of_edits])
    found = replace(find_threshold(rows, vectors, params, judged), n_from_edits=of_edits.height)
    if not found.n_pairs and not found.log.is_known:
        found = replace(found, least_log_odds=live.least_log_odds)
    release = releases.make(found.params(params), as_of, _card(found))
    newest = releases.released_calibration(folder, date.max)
    refused = _too_little(found) or _too_late(release, newest) or _no_better(found, live)
    if refused is None:
        thresholds = (found.least_log_odds, live.least_log_odds)
        refused = _collapsed(*calibration.collapses(rows, vectors, params, thresholds))
    return Calibrated(found, live, release, refused)


def _merges_and_splits(warehouse: Warehouse, as_of: date) -> pl.DataFrame:
    """Those in force by ``as_of``."""
    with warehouse.reading() as con:
        return edits_as_of(con, as_of).filter(pl.col("verdict").is_in([MERGE, SPLIT]))


def write_pairs(
    warehouse: Warehouse,
    params: ClusteringParams,
    embedding_model: str,
    as_of: date,
    target: Path,
    n: int,
    salt_file: Path,
    asker: Asker | None = None,
) -> int:
    """Write the pairs of a deployment that are most worth a judgement; returns how many.

    Args:
        params, target, n, salt_file, asker: As for ``judged_pairs.write_pairs``.

    Raises:
        CalibrationError, PairsError: no user has been clustered by ``as_of``, or the file cannot be written.
    """
    judged_pairs.check_new_sheet(target)
    rows, vectors = _keywords_of(warehouse, embedding_model, as_of)
    return judged_pairs.write_pairs(rows, vectors, params, target, n, salt_file, asker)


def read_pairs(warehouse: Warehouse, file: Path, salt_file: Path) -> pl.DataFrame:
    """The judged pairs of a file about a deployment; see ``judged_pairs.read_pairs``."""

    def users() -> list[str]:
        with warehouse.reading() as con:
            return clustered_users(con)

    return judged_pairs.read_pairs(file, users, salt_file)


def _keywords_of(
    warehouse: Warehouse, embedding_model: str, as_of: date, also: Sequence[str] = ()
) -> tuple[pl.DataFrame, KeywordVectors]:
    """The keywords of a sample of the users as last clustered, and their vectors.

    Args:
        also: Users who are in the sample in any case.

    Raises:
        CalibrationError: no user has been clustered by ``as_of``, or the clusters of that day are no longer kept.
    """
    with warehouse.reading() as con:
        if as_of < (first := kept_from(con)):
            raise CalibrationError(
                f"the clusters of {as_of} are no longer kept; the first day that can be named is {first}. Raise "
                "`output_retention_days` to keep more from now on"
            )
        rows = clustered_keywords(con, as_of, MOST_USERS, also)
        if rows.is_empty():
            raise CalibrationError(f"no user has been clustered by {as_of}; call `journeys run` first")
        vectors = stored_vectors(con, "keyword", rows["keyword"].unique(), embedding_model)
    kept = rows.join(vectors.select("keyword"), on="keyword", how="semi")
    return kept, KeywordVectors.from_frame(vectors)


def _card(found: Threshold) -> dict[str, object]:
    return {
        "source": found.source,
        "users_of_the_log": found.log.n_users,
        "threshold_from_the_log_alone": found.log.least_log_odds if found.log.is_known else None,
        "judged_pairs": found.n_pairs,
        "users_of_judged_pairs": found.n_asked_users,
        "judged_pairs_from_edits": found.n_from_edits,
        "judged_by_models": list(found.judged_by),
    }


def _too_little(found: Threshold) -> str | None:
    """Why a threshold is found from too little; None where it is not."""
    if not found.n_pairs and not found.n_unused:
        if found.log.n_users >= calibration.FEWEST_USERS:
            return None
        return (
            f"the log has {found.log.n_users} users with two keywords or more, and at least "
            f"{calibration.FEWEST_USERS} are needed; judge some pairs (`journeys pairs`)"
        )
    if found.n_pairs >= FEWEST_PAIRS and found.n_asked_users >= FEWEST_ASKED_USERS:
        return None
    cure = ", or leave the pairs out and take the log alone" if found.log.is_known else ""
    return (
        f"{found.n_pairs} of {found.n_pairs + found.n_unused} judged pairs can be used, of {found.n_asked_users} "
        f"users; at least {FEWEST_PAIRS} pairs of {FEWEST_ASKED_USERS} users are needed: judge more (`journeys pairs`)"
        f"{cure}"
    )


def _too_late(release: Calibration, newest: Calibration | None) -> str | None:
    """Why a release would not stay live; None where it would."""
    if newest is None or newest.live_from <= release.live_from:
        return None
    return (
        f"it would be live from {release.live_from}, and calibration {newest.version} is from {newest.live_from} on; "
        f"calibrate as of {newest.live_from - timedelta(days=1)} or later"
    )


def _no_better(found: Threshold, live: ClusteringParams) -> str | None:
    """Why thresholds are no better than the live ones; None where they may be."""
    new = found.least_log_odds
    is_near = abs(new - live.least_log_odds) < LEAST_CHANGE
    if is_near and abs(found.log.area_distance - live.area_distance) < LEAST_AREA_CHANGE:
        return f"the threshold is {new:g}, and the live one {live.least_log_odds:g} is as good; so it is for areas"
    against, against_live = found.contradicted(new), found.contradicted(live.least_log_odds)
    if against > against_live:
        return f"the threshold contradicts {against} of the judged pairs, and the live one {against_live}"
    return None


def _collapsed(new: Collapse, live: Collapse) -> str | None:
    """Why a threshold no longer tells the keywords of the users apart; None where it does, or the live one is worse."""
    whom = f"of {new.n_users} users with {calibration.FEWEST_KEYWORDS} keywords or more"
    if new.in_one > max(MOST_COLLAPSED, live.in_one):
        return f"{new.in_one:.0%} {whom} would have all keywords in one journey, {live.in_one:.0%} have now"
    if new.all_apart > max(MOST_COLLAPSED, live.all_apart):
        return f"{new.all_apart:.0%} {whom} would have no two keywords in one journey, {live.all_apart:.0%} have now"
    return None
