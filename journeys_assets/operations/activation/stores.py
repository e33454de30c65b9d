"""Destinations that store rows: files in a folder or a bucket, and a table in PostgreSQL."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import polars as pl
import pyarrow as pa
import pyarrow.fs as pa_fs

from journeys_assets.domain.activation.messages import Message, as_json, key_of
from journeys_assets.operations.activation.base import ActivationError

FILE_ROWS = 100_000
TABLE_ROWS = 1_000
SCHEMA = pl.Schema(
    {
        "key": pl.String(),
        "kind": pl.String(),
        "user_id": pl.String(),
        "journey_id": pl.String(),
        "channel": pl.String(),
        "send_date": pl.Date(),
        "content": pl.String(),
    }
)


def rows_of(messages: Sequence[Message]) -> pl.DataFrame:
    """Messages as rows: ``SCHEMA``; the content is JSON."""
    return pl.DataFrame(
        [
            (one.key, one.kind, one.user_id, one.journey_id, one.channel, one.send_date, as_json(one.content))
            for one in messages
        ],
        schema=SCHEMA,
        orient="row",
    )


@dataclass(frozen=True)
class Files:
    """CSV or Parquet files, one for each batch, in a folder or under a prefix (``s3://bucket/prefix``, ``gs://…``).

    The name of a file follows from the keys in it, so a batch that is handed over again replaces itself.
    """

    url: str
    ending: str
    batch_size: int = FILE_ROWS

    @property
    def name(self) -> str:
        return f"{self.ending}:{self.url}"

    def hand_over(self, messages: Sequence[Message]) -> Mapping[str, str | None]:
        rows = rows_of(messages)
        name = f"{rows['kind'][0]}-{key_of(*sorted(rows['key']))}.{self.ending}"
        try:
            system, folder = pa_fs.FileSystem.from_uri(self.url)
            if isinstance(system, pa_fs.LocalFileSystem):
                system.create_dir(folder, recursive=True)
            draft, target = f"{folder}/.{name}", f"{folder}/{name}"
            with system.open_output_stream(draft) as stream:
                if self.ending == "csv":
                    stream.write(rows.write_csv().encode())
                else:
                    rows.write_parquet(stream)
            system.move(draft, target)
        except (OSError, pa.ArrowException) as error:
            raise ActivationError(
                f"cannot write to {self.url}: {error}; see whether it exists and may be written, then call again"
            ) from error
        return dict.fromkeys(rows["key"].to_list())


@dataclass(frozen=True)
class PostgresTable:
    """A table in PostgreSQL with a row for each message; it is made if it is not there. A key is stored once.

    Attributes:
        url: ``postgresql://user@host/database?table=schema.name``; by default ``journey_messages``. The password comes
            from ``PGPASSWORD`` or the password file, as for every PostgreSQL client.
    """

    url: str
    batch_size: int = TABLE_ROWS

    @property
    def name(self) -> str:
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        return f"postgresql://{host}{f':{parts.port}' if parts.port else ''}{parts.path}#{self.table}"

    @property
    def table(self) -> str:
        return next(
            (one[6:] for one in urlsplit(self.url).query.split("&") if one.startswith("table=")), "journey_messages"
        )

    def hand_over(self, messages: Sequence[Message]) -> Mapping[str, str | None]:
        import psycopg

        if not re.fullmatch(r"\w+(\.\w+)?", self.table):
            raise ActivationError(f"table {self.table!r} is no name of a table; write it as name or schema.name")
        rows = rows_of(messages)
        address = urlsplit(self.url)._replace(query="").geturl()
        values = [(*row[:-1], json.dumps(json.loads(row[-1]))) for row in rows.iter_rows()]
        try:
            with psycopg.connect(address) as con, con.cursor() as cursor:
                cursor.execute(
                    f"CREATE TABLE IF NOT EXISTS {self.table} (key text PRIMARY KEY, kind text NOT NULL, "
                    "user_id text NOT NULL, journey_id text, channel text, send_date date, content jsonb NOT NULL, "
                    "received_at timestamptz NOT NULL DEFAULT now())"
                )
                cursor.executemany(
                    f"INSERT INTO {self.table} (key, kind, user_id, journey_id, channel, send_date, content) "
                    "VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (key) DO NOTHING",
                    values,
                )
        except psycopg.Error as error:
            raise ActivationError(
                f"{self.name}: {str(error).strip()}; see whether the server is up and the user may write; call again"
            ) from error
        return dict.fromkeys(rows["key"].to_list())
