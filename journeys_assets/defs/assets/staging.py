"""stage_evidence: what kind and stage of every live journey are judged by, P(ended) among it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import dagster as dg
import polars as pl

from journeys_assets.defs import metadata
from journeys_assets.defs.assets.common import StageResult, changed_states, stage_asset, stage_spec, stamped
from journeys_assets.defs.partitions import days_of
from journeys_assets.deployment import Deployment
from journeys_assets.domain.lifecycle.evidence import p_ended_by_fixed_gap, seasons_before, silence_features
from journeys_assets.domain.tables.pipeline import STAGE_EVIDENCE
from journeys_assets.models.lifecycle.release import released_stage_model
from journeys_assets.storage.queries import inference, tables


def build(deployment: Deployment) -> dg.AssetsDefinition:
    spec = stage_spec(
        deployment,
        STAGE_EVIDENCE,
        stage="lifecycle",
        deps=["journey_features", "journey_clusters", "inference_ledger", "keyword_table"],
        kinds={"lightgbm"},
    )

    @stage_asset(deployment, spec)
    def stage_evidence(context: dg.AssetExecutionContext) -> Iterator[StageResult]:
        days = days_of(context)
        evidence, known = STAGE_EVIDENCE.empty(), _Known(None, pl.DataFrame(), pl.DataFrame())
        for done, day in enumerate(days, start=1):
            known = _read(deployment, day, known)
            evidence = stamped(_judged(deployment, day, known), STAGE_EVIDENCE, day, deployment.version_of("lifecycle"))
            deployment.warehouse.replace_partitions(STAGE_EVIDENCE, evidence, [day])
            metadata.report_day(context, "stage_evidence", day, evidence)
            deployment.progress("stage_evidence", done, len(days))
        yield StageResult(
            metadata={
                "judged_by": ", ".join(sorted(evidence["judged_by"].unique())) or "nothing to judge",
                "seasonal_journeys": evidence["season_before"].count(),
                "examples": metadata.examples(evidence),
            }
        )

    return stage_evidence


@dataclass(frozen=True)
class _Known:
    """What was read of users whose latest inference is ``states``; it holds as long as that is their latest."""

    states: pl.DataFrame | None
    journey_days: pl.DataFrame
    visits: pl.DataFrame


def _read(deployment: Deployment, day: date, before: _Known) -> _Known:
    """Engagements and visits of every user with live journeys; read only for users that changed since ``before``."""
    params = deployment.algorithm
    with deployment.warehouse.reading() as con:
        states = inference.live_states(con, day, params.keywords.horizon_days)
        unchanged, changed = changed_states(states, before.states)
        journey_days, visits = inference.engagement_history(con, changed, day, day, params)

    def kept(rows: pl.DataFrame, fresh: pl.DataFrame) -> pl.DataFrame:
        return pl.concat([fresh, rows.join(unchanged, on="user_id", how="semi")]) if rows.height else fresh

    return _Known(states, kept(before.journey_days, journey_days), kept(before.visits, visits))


def _judged(deployment: Deployment, day: date, known: _Known) -> pl.DataFrame:
    """Evidence of every journey that has features on ``day``, with P(ended) where a stage model is released."""
    params = deployment.algorithm.lifecycle
    with deployment.warehouse.reading() as con:
        live = tables.partition(con, "journey_features", day).select("user_id", "journey_id")
    features = silence_features(known.journey_days, known.visits, day, params).join(
        live, on=["user_id", "journey_id"], how="semi", maintain_order="left"
    )
    release = released_stage_model(deployment.stage_releases_path, day)
    judged = release.judge(features) if release else p_ended_by_fixed_gap(features)
    own = ["user_id", "journey_id"]
    return features.join(judged, on=own).join(
        seasons_before(known.journey_days, known.visits, day, params), on=own, how="left"
    )
