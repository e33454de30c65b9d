"""Writes a world as a log of another format, with what the format does not keep as landing files beside it."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from journeys_assets.synthetic.exports.amplitude import amplitude_events, amplitude_merges
from journeys_assets.synthetic.exports.ga4 import ga4_events
from journeys_assets.synthetic.exports.generic import MAPPING_TOML, generic_events
from journeys_assets.synthetic.exports.matomo import matomo_tables
from journeys_assets.synthetic.exports.mixpanel import mixpanel_events
from journeys_assets.synthetic.exports.posthog import write_posthog
from journeys_assets.synthetic.exports.snowplow import snowplow_events
from journeys_assets.synthetic.exports.track_calls import write_rudderstack, write_segment
from journeys_assets.synthetic.exports.ubi import ubi_records
from journeys_assets.synthetic.world import World

LANDING_BESIDE = {
    "ga4": ("users",),
    "ubi": ("users", "pins"),
    "posthog": ("users",),
    "segment": ("users",),
    "rudderstack": ("users",),
    "amplitude": ("users",),
    "mixpanel": ("users",),
    "snowplow": ("users",),
    "matomo": ("users",),
    "generic": ("users",),
}
"""By format: the sources of the landing contract that its logs lack and that the pipeline needs beside them."""

MAPPING_FILE = "mapping.toml"
"""The mapping of the format ``generic``, beside the folder of the logs."""


def write_export(world: World, format: str, folder: Path) -> Path:
    """Write ``folder/logs/…`` in the format, and ``folder/landing/<source>/…``.

    Args:
        format: A key of ``LANDING_BESIDE``.

    Returns:
        The folder of the logs.
    """
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    _WRITERS[format](world.landing, logs)
    for source in LANDING_BESIDE[format]:
        target = folder / "landing" / source
        target.mkdir(parents=True, exist_ok=True)
        world.landing[source].write_parquet(target / f"{source}.parquet")
    return logs


def _write_ga4(landing: Mapping[str, pl.DataFrame], logs: Path) -> None:
    by_day: dict[date, list[str]] = {}
    for day, row in ga4_events(landing):
        by_day.setdefault(day, []).append(_line(row))
    for day, lines in by_day.items():
        with gzip.open(logs / f"events_{day:%Y%m%d}.json.gz", "wt", encoding="utf-8", compresslevel=1) as file:
            file.writelines(lines)


def _write_ubi(landing: Mapping[str, pl.DataFrame], logs: Path) -> None:
    with (logs / "ubi.json").open("w", encoding="utf-8") as file:
        for number, (index, record) in enumerate(ubi_records(landing)):
            wrapped = {"_index": index, "_id": str(number), "_source": record}
            file.write(_line(wrapped) if number % 2 else f"{index}\t{_line(record)}")


def _write_amplitude(landing: Mapping[str, pl.DataFrame], logs: Path) -> None:
    by_hour: dict[datetime, list[str]] = {}
    for hour, row in amplitude_events(landing):
        by_hour.setdefault(hour, []).append(_line(row))
    for day in sorted({hour.date() for hour in by_hour}):
        with zipfile.ZipFile(logs / f"export_{day:%Y%m%d}.zip", "w") as archive:
            for hour in sorted(one for one in by_hour if one.date() == day):
                content = gzip.compress("".join(by_hour[hour]).encode(), compresslevel=1, mtime=0)
                archive.writestr(f"123456/123456_{hour:%Y-%m-%d}_{hour.hour}#0.json.gz", content)
    merges = "".join(map(_line, amplitude_merges(landing)))
    (logs / "-123456_2026-03-02_0.json.gz").write_bytes(gzip.compress(merges.encode(), mtime=0))


def _write_mixpanel(landing: Mapping[str, pl.DataFrame], logs: Path) -> None:
    by_day: dict[date, list[str]] = {}
    for day, row in mixpanel_events(landing):
        by_day.setdefault(day, []).append(_line(row))
    for day, lines in by_day.items():
        (logs / f"{day:%Y-%m-%d}.jsonl.gz").write_bytes(gzip.compress("".join(lines).encode(), compresslevel=1))


def _write_snowplow(landing: Mapping[str, pl.DataFrame], logs: Path) -> None:
    by_day: dict[date, list[str]] = {}
    for at, fields in snowplow_events(landing):
        by_day.setdefault(at.date(), []).append("\t".join(fields) + "\n")
    for day, lines in by_day.items():
        (logs / f"enriched-{day:%Y-%m-%d}-part-00000.gz").write_bytes(
            gzip.compress("".join(lines).encode(), compresslevel=1)
        )


def _write_matomo(landing: Mapping[str, pl.DataFrame], logs: Path) -> None:
    for name, rows in matomo_tables(landing).items():
        frame = pl.DataFrame(rows, infer_schema_length=None)
        if name == "log_visit":
            frame.write_parquet(logs / f"{name}.parquet")
        else:
            binary = pl.selectors.binary().bin.encode("hex").str.to_uppercase()
            frame.with_columns(binary).write_csv(logs / f"{name}.csv", null_value="\\N")


def _write_generic(landing: Mapping[str, pl.DataFrame], logs: Path) -> None:
    (logs / "log.jsonl").write_text("".join(map(_line, generic_events(landing))), encoding="utf-8")
    (logs.parent / MAPPING_FILE).write_text(MAPPING_TOML, encoding="utf-8")


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


_WRITERS: dict[str, Callable[[Mapping[str, pl.DataFrame], Path], None]] = {
    "ga4": _write_ga4,
    "ubi": _write_ubi,
    "posthog": write_posthog,
    "segment": write_segment,
    "rudderstack": write_rudderstack,
    "amplitude": _write_amplitude,
    "mixpanel": _write_mixpanel,
    "snowplow": _write_snowplow,
    "matomo": _write_matomo,
    "generic": _write_generic,
}
