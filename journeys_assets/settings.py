"""Settings of one deployment: where its state lives, which models it uses, parameter overrides.

They are read from ``JOURNEYS_*`` environment variables and from ``$JOURNEYS_HOME/journeys.toml``, and validated before
anything runs. The environment takes precedence; an empty variable counts as not set. A name that is no setting is
refused in both. ``domain.parameters`` has the meaning and default of each parameter.

The path of ``home`` may have any character that DuckDB and SQLite can use in a path: ``home_problem`` names the others.
"""

from __future__ import annotations

import difflib
import errno
import itertools
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as UnreadableVariable

from journeys_assets.domain.actions import DEFAULT_ACTIONS, Action, with_actions
from journeys_assets.domain.activation.messages import Audience
from journeys_assets.domain.clustering.params import CUT_OF_EMBEDDER, ClusteringParams
from journeys_assets.domain.landing.contract import EARLIEST, LIST_SEPARATOR
from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.errors import JourneysError

DEFAULT_HOME = Path(".journeys")
FILE = "journeys.toml"
PREFIX = "JOURNEYS_"
NESTED = ("ALGORITHM", "LLM", "FORMATS", "ACTIVATION", "RAY")
"""Settings that are groups of values: a variable may name one value, such as JOURNEYS_LLM__MODEL."""
SECRETS = (("llm", "api_key"), ("activation", "webhook_secret"), ("activation", "segment_write_key"))
"""Settings that only the environment may hold: group and name."""
OTHER_VARIABLES = ("JOURNEYS_DEBUG", "JOURNEYS_DBT", "JOURNEYS_DBT_DATABASE")
"""Variables that are no settings: tracebacks on the command line; dbt for the tests, and the database that it reads."""


LONGEST_DAYS = 36_500
"""A hundred years: days that are counted back from any day of a log do not reach beyond the calendar."""
LONGEST_NAME = 255
"""Of a folder on Linux and macOS, bytes."""
LARGEST_NUMBER = 10**9
"""Of a parameter, in either direction."""


def _from_user_folder(path: str) -> str:
    """``path`` with the folder of the user for a ``~`` at its beginning: not every caller is a shell."""
    # Path.expanduser raises for a folder whose name really begins with "~".
    return os.path.expanduser(path)


UserPath = Annotated[Path, AfterValidator(lambda path: Path(_from_user_folder(str(path))))]
"""A path that may begin with ``~``."""


class SettingsError(JourneysError):
    """A setting has a value that is not allowed. The message names the key, the value and the allowed values."""


class LanguageModelSettings(BaseModel):
    """The language model of a deployment; without ``model`` there is none, and every stage does without."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str | None = Field(
        default=None, description="Name of the model at the endpoint. Without it no model is used."
    )
    base_url: str = Field(
        default="http://127.0.0.1:8000/v1",
        description="OpenAI-compatible endpoint: vLLM, Ollama, llama.cpp or OpenAI. A user or password in it is "
        "refused.",
    )
    api_key: SecretStr | None = Field(
        default=None,
        description="Key of the endpoint. Only the environment variable JOURNEYS_LLM__API_KEY may hold it; without it "
        "OPENAI_API_KEY counts.",
    )
    moderation_model: str | None = Field(
        default=None,
        description="Name of a moderation model at the endpoint (`/moderations`), as a further opinion on what is "
        "sensitive. Without it none is asked.",
    )
    max_concurrency: int = Field(default=8, ge=1, le=256, description="Calls under way at one time.")
    requests_per_minute: float | None = Field(
        default=None, gt=0, description="Most calls in a minute. By default no limit."
    )
    timeout_seconds: float = Field(default=60, gt=0, description="Longest wait for one answer.")
    max_retries: int = Field(
        default=3, ge=0, description="Further attempts where the endpoint is busy, does not answer or breaks off."
    )
    structured_output: bool = Field(
        default=True,
        description="Whether the endpoint is asked to keep to a JSON schema. Answers are always validated; set it to "
        "false for endpoints that refuse `response_format`.",
    )
    calls_per_run: int | None = Field(default=None, ge=0, description="Most calls in one run. By default no limit.")
    calls_per_day: int | None = Field(default=None, ge=0, description="Most calls in one UTC day, over all runs.")
    cost_per_run: float | None = Field(
        default=None, ge=0, description="Most that one run may cost, at the prices below."
    )
    cost_per_day: float | None = Field(default=None, ge=0, description="Most that one UTC day may cost, over all runs.")
    compared_share: float = Field(
        default=0,
        ge=0,
        le=1,
        description="Share of users, chosen by their ids, whose journeys the model infers beside the pipeline, for "
        "`llm_journeys` and `inference_comparison`. By default none. Where algorithm.inference.journeys_from is "
        "'language_model', it infers those of all users.",
    )
    input_price: float = Field(default=0, ge=0, description="Price of a million tokens of input, in any currency.")
    output_price: float = Field(default=0, ge=0, description="Price of a million tokens of output.")

    @field_validator("base_url")
    @classmethod
    def _url_has_no_secret(cls, url: str) -> str:
        if not re.match(r"https?://[^\s/]", url):
            raise ValueError("must begin with http:// or https://")
        if "@" in url.split("/")[2] or "?" in url:
            raise ValueError("must not hold a user, a password or a query; the key goes into JOURNEYS_LLM__API_KEY")
        return url.rstrip("/")


class LandingPlace(BaseModel):
    """A place whose files are loaded as they come, beside the folder `landing` in the home."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    location: str = Field(
        description="A folder with its full path, or a bucket or a part of one: `s3://bucket/logs`, `gs://bucket/logs`."
    )
    format: str = Field(
        default="landing", description="`landing` (the contract), or the name of a log format, such as `ga4`."
    )
    mapping: UserPath | None = Field(
        default=None,
        description="A mapping for files of any other format, by its full path or its path in the home; then format is "
        "`generic`.",
    )

    @field_validator("location")
    @classmethod
    def _can_be_listed(cls, location: str) -> str:
        location = _from_user_folder(location)
        if not re.match(r"/|(?:s3|gs)://[^/]", location):
            raise ValueError("must be a full path, or begin with s3:// or gs:// and a bucket")
        return location

    @model_validator(mode="after")
    def _has_one_format(self) -> Self:
        if (self.mapping is not None) != (self.format == "generic"):
            raise ValueError("format = 'generic' goes with a mapping, and a mapping with no other format")
        return self


class ActivationSettings(BaseModel):
    """Where journeys and planned sends are handed over to; see ``journeys activate``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: tuple[str, ...] = Field(
        default=(),
        description="Addresses that the asset `activation` hands over to each day, as `journeys activate --to` takes "
        "them. By default none.",
    )
    what: tuple[Literal["notifications", "traits"], ...] = Field(
        default=("notifications", "traits"), description="Planned sends, traits of users, or both."
    )
    audiences: tuple[Audience, ...] = Field(
        default=(),
        description="Audiences: `name`, and which journeys make a user a member: `about` (words), `min_confidence`, "
        "`kinds`, `intents`.",
    )
    webhook_secret: SecretStr | None = Field(
        default=None, description="Signs what a webhook gets. Only the environment variable may hold it."
    )
    segment_write_key: SecretStr | None = Field(
        default=None, description="Write key of a Segment source. Only the environment variable may hold it."
    )

    @property
    def secrets(self) -> dict[str, str | None]:
        """The secrets as plain text, by name."""
        found = {"webhook_secret": self.webhook_secret, "segment_write_key": self.segment_write_key}
        return {name: None if secret is None else secret.get_secret_value() for name, secret in found.items()}


class RaySettings(BaseModel):
    """The Ray cluster on which work runs where ``compute`` is ``ray``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str = Field(
        default="local",
        description="Host and port of the head node (`10.0.0.5:6379`), or 'local': a cluster on this machine that each "
        "run starts and ends.",
    )
    users_per_task: int = Field(
        default=500, ge=1, description="Users whose clusters one task makes. Fewer users are clustered without Ray."
    )
    keywords_per_task: int = Field(
        default=2_000, ge=1, description="Keywords that one task embeds. Fewer keywords are embedded without Ray."
    )

    @field_validator("address")
    @classmethod
    def _address_is_explicit(cls, address: str) -> str:
        if address != "local" and not re.fullmatch(r"[^\s/:]+:\d{1,5}", address):
            raise ValueError("must be 'local', or host and port of the head node, such as 10.0.0.5:6379")
        return address


class Settings(BaseSettings):
    """Everything that differs between deployments. All state lives under ``home``."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,  # a value may be a secret
    )

    home: UserPath = Field(DEFAULT_HOME, description="Folder of all state.")
    first_partition_date: date | None = Field(
        None,
        description="First day that is computed. Events before it count as history, for windows and journey ids, and "
        "get no output of their own. By default the first day with an event; far outliers before it do not count.",
    )
    embedder: str = Field(
        "minilm",
        description="'minilm', 'multilingual-e5-small' (extra `multilingual`), 'hashing' (tests), or a "
        "sentence-transformers path or name.",
    )
    embedding_backend: Literal["onnxruntime", "openvino", "cuda", "auto"] = Field(
        "onnxruntime",
        description="What runs the embedding model: 'onnxruntime'; 'openvino' (extra `openvino`), faster on CPUs with "
        "bfloat16; 'cuda' (package onnxruntime-gpu); or 'auto', the GPU where there is one. Vectors of each are "
        "versions of their own: a change embeds every keyword again.",
    )
    compute: Literal["local", "ray"] = Field(
        "local",
        description="Where keywords are embedded, users are clustered and a language model is called: 'local', in this "
        "process, or 'ray' (extra `ray`), on the cluster of the section `[ray]`. Rows are the same.",
    )
    output_retention_days: int = Field(90, ge=1, le=LONGEST_DAYS, description="Days of output snapshots to keep.")
    landing_settle_seconds: float = Field(
        10,
        ge=0,
        description="How long a file in the landing folder must be unchanged before it is loaded. For a Parquet file "
        "with a footer at most 2.",
    )
    landing_patience_seconds: float = Field(
        300,
        ge=0,
        description="How long a damaged file in the landing folder is treated as incomplete before it is refused.",
    )
    landing: tuple[LandingPlace, ...] = Field(
        (),
        description="Further places whose files are loaded as they come (`[[landing]]`), each with a `location` (a "
        "full path, `s3://…`, `gs://…`), a `format` (by default `landing`), and for `generic` a `mapping`.",
    )
    list_separator: str = Field(
        LIST_SEPARATOR,
        min_length=1,
        description="What separates the items of a list that is written as text, such as `annotations` in CSV.",
    )
    users_are_snapshots: bool = Field(
        True,
        description="Whether files of `users` without `updated_at` list all users, so that nothing is sent to users "
        "whom they no longer list. Set it to false if your files list only the users that changed.",
    )
    key_value_store: str | None = Field(
        None,
        description="Where related journeys are kept for reading: `redis://host:6379/0`, or a folder. By default a "
        "folder below `home`.",
    )
    public_data: UserPath | None = Field(
        None,
        description="Folder of public logs and labelled sets for `journeys evaluate`. Missing ones are left out.",
    )
    evaluation_users: int = Field(400, ge=20, description="Users of the synthetic world of `journeys evaluate`.")
    evaluation_days: int = Field(120, ge=60, description="Days of the synthetic world of `journeys evaluate`.")
    bucket_interval_seconds: float = Field(
        60, ge=0, description="Seconds between two listings of a bucket of `landing`, because stores charge for each."
    )
    sensor_interval_seconds: int = Field(30, ge=1, description="Seconds between two checks for stale days.")
    actions: tuple[Action, ...] = Field(
        (),
        description="Actions that are added to the registry, or that replace its entry of the same name. Each has a "
        "name and, optionally, a plural, a weight and a strength (look, keep, act).",
    )
    formats: dict[str, FormatOptions] = Field(
        {},
        description="Decisions about log formats, by name (`[formats.ga4]`): `searches`, `actions`, `user`, "
        "`time_zone`, `time_unit`, `items_from_events`. What is not given is as the format has it.",
    )
    ray: RaySettings = Field(RaySettings(), description="The Ray cluster, where `compute` is 'ray'.")
    llm: LanguageModelSettings = Field(LanguageModelSettings(), description="The language model, if there is one.")
    activation: ActivationSettings = Field(ActivationSettings(), description="Handing over to other systems.")
    algorithm: AlgorithmParams = Field(default_factory=AlgorithmParams, description="Parameter overrides.")

    @field_validator("first_partition_date", mode="before")
    @classmethod
    def _is_a_day(cls, day: Any) -> Any:
        """A number would count seconds since 1970, so that 20260131 is a day of that year."""
        if isinstance(day, str) and not re.fullmatch(r"\d{4}-\d\d-\d\d", day.strip()):
            raise ValueError("write a day such as 2026-01-31")
        if not isinstance(day, str | date | None):
            raise ValueError('write a day such as "2026-01-31"')
        return day.strip() if isinstance(day, str) else day

    @field_validator("first_partition_date")
    @classmethod
    def _may_have_events(cls, day: date | None) -> date | None:
        if day is not None and day < EARLIEST.date():
            raise ValueError(f"no event is before {EARLIEST.date()}; write that day or a later one")
        return day

    @field_validator("actions")
    @classmethod
    def _actions_are_unique(cls, actions: tuple[Action, ...]) -> tuple[Action, ...]:
        names = [action.name for action in actions]
        if len(set(names)) < len(names):
            raise ValueError(f"two actions have the same name: {', '.join(names)}")
        with_actions(DEFAULT_ACTIONS, actions)
        return actions

    @field_validator("landing")
    @classmethod
    def _places_are_apart(cls, places: tuple[LandingPlace, ...]) -> tuple[LandingPlace, ...]:
        names = sorted(place.location.rstrip("/") + "/" for place in places)
        for one, other in itertools.pairwise(names):
            if other.startswith(one):
                raise ValueError(f"{other} lies within {one}, so its files would be loaded twice; name one of them")
        return places

    @field_validator("algorithm")
    @classmethod
    def _numbers_are_usable(cls, algorithm: AlgorithmParams) -> AlgorithmParams:
        if wrong := "; ".join(_unusable_numbers(algorithm)):
            raise ValueError(wrong)
        return algorithm

    @model_validator(mode="after")
    def _the_cut_suits_the_embedder(self) -> Self:
        """A cut is fitted on the vectors of one model. One that is not the default one was chosen by the user."""
        clustering = self.algorithm.clustering
        own = CUT_OF_EMBEDDER.get(self.embedder)
        if own is not None and clustering.learned_cut == ClusteringParams().learned_cut:
            self.__dict__["algorithm"] = replace(self.algorithm, clustering=replace(clustering, learned_cut=own))
        return self

    @model_validator(mode="after")
    def _actions_are_parameters(self) -> Self:
        """The registry shapes rows, so it is part of the algorithm."""
        algorithm = replace(self.algorithm, actions=with_actions(self.algorithm.actions, self.actions))
        self.__dict__["algorithm"] = algorithm
        return self

    @property
    def warehouse_path(self) -> Path:
        return self.home / "warehouse.duckdb"

    @property
    def published_path(self) -> Path:
        return self.home / "journeys.duckdb"

    @property
    def landing_path(self) -> Path:
        return self.home / "landing"

    @property
    def models_path(self) -> Path:
        return self.home / "models"

    @property
    def evaluation_path(self) -> Path:
        """Studies, the sections measured on them, and the report."""
        return self.home / "evaluation"

    @property
    def dagster_home(self) -> Path:
        return self.home / "dagster"

    @property
    def answers_path(self) -> Path:
        """The cache of answers of language models."""
        return self.home / "llm" / "answers"

    @property
    def erasures_path(self) -> Path:
        """Receipts of erasures."""
        return self.home / "erasures"

    @property
    def first_day_path(self) -> Path:
        return self.home / "first_day"

    @property
    def first_day(self) -> date:
        """The first day that has a partition."""
        if self.first_partition_date is not None:
            return self.first_partition_date
        return self._noted_first_day() or date(2026, 1, 1)

    def _noted_first_day(self) -> date | None:
        """The first day that was ingested; None if nothing was.

        Raises:
            SettingsError: the file that holds it is damaged.
        """
        if not self.first_day_path.exists():
            return None
        try:
            return date.fromisoformat(self.first_day_path.read_text(encoding="utf-8").strip())
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"{self.first_day_path} does not hold a day ({error}); write the day of the first event into it, such "
                "as 2026-01-31"
            ) from error

    def note_first_day(self, day: date) -> None:
        """Store ``day`` if it is earlier than the first day stored so far, so that its partition exists."""
        noted = self._noted_first_day()
        if noted is None or day < noted:
            self.home.mkdir(parents=True, exist_ok=True)
            # Replaced in one step: another process may read it at the same time.
            fresh = self.first_day_path.with_name(f".first_day-{os.getpid()}")
            fresh.write_text(f"{day}\n")
            fresh.replace(self.first_day_path)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        given = init_settings().get("home") or os.environ.get("JOURNEYS_HOME") or DEFAULT_HOME
        home = Path(_from_user_folder(str(given)))
        values = _values_in(home / FILE)
        for group, name in SECRETS:
            if name in values.get(group, {}):
                raise SettingsError(
                    f"{home / FILE} holds {group}.{name}; a key must not be in a file of the deployment: remove it "
                    f"there, and set the environment variable {PREFIX}{group.upper()}__{name.upper()}"
                )
        return init_settings, env_settings, InitSettingsSource(settings_cls, values)


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process.

    Raises:
        SettingsError: a value is not allowed, or a key is unknown. The message names each such key, its value and what
            is allowed.
    """
    _check_variables(os.environ)
    try:
        settings = Settings(**overrides)
    except UnreadableVariable as error:
        raise SettingsError(_not_json(error)) from error
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in e['loc'])} = {_shown(e)}: {e['msg']}" for e in error.errors()
        )
        raise SettingsError(f"settings (JOURNEYS_* or journeys.toml): {wrong}") from error
    settings = settings.model_copy(update={"home": settings.home.absolute()})
    if problem := home_problem(settings.home):
        raise SettingsError(f"home (JOURNEYS_HOME) = {str(settings.home)!r} {problem}; choose another folder")
    return settings


def _not_json(error: UnreadableVariable) -> str:
    """Which variable should hold JSON and does not. Its value is left out, because it may be a secret."""
    found = re.search(r'field "(\w+)"', str(error))
    field = PREFIX + (found.group(1).upper() if found else "")
    names = [name for name in sorted(os.environ) if name.upper() == field or name.upper().startswith(f"{field}__")]
    return (
        f"the environment variable {' or '.join(names) or field} is not JSON ({error.__cause__}); write lists and "
        f'groups as JSON, such as ["one", "two"], or write the setting into {FILE}'
    )


def _unusable_numbers(params: Any, path: str = "") -> Iterator[str]:
    """Parameters with which nothing can be computed: name, value and what is allowed."""
    for field in fields(params):
        value, name = getattr(params, field.name), path + field.name
        if is_dataclass(value):
            yield from _unusable_numbers(value, f"{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            low, high = (0, LONGEST_DAYS) if name.endswith("_days") else (-LARGEST_NUMBER, LARGEST_NUMBER)
            if not low <= value <= high:
                yield f"{name} = {str(value)[:40]}; it must be from {low:,} to {high:,}"


def _shown(error: Mapping[str, Any]) -> str:
    """The value of a setting that is not allowed; never what may be a secret."""
    secret = {"api_key", "base_url", "key_value_store", "webhook_secret", "segment_write_key"}
    return "…" if secret & set(error["loc"]) else repr(error["input"])


def home_problem(home: Path) -> str | None:
    """Why a folder cannot hold the state of a deployment; None if it can.

    DuckDB looks for the log of a file whose path has ``?`` elsewhere, and takes a backslash for a separator. SQLite
    decodes ``%20`` and the like. Brackets, ``*``, quotes, ``#``, spaces and letters of any script are fine.
    """
    text = str(home)
    if found := re.search(r"[?\\]|%[0-9A-Fa-f]{2}", text):
        return f"has {found.group()} in its path, which DuckDB or SQLite reads as something else"
    if any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in text):
        return "has a control character in its path"
    if re.search("[\ud800-\udfff]", text):
        return "is not valid UTF-8"
    if any(len(os.fsencode(part)) > LONGEST_NAME for part in home.parts):
        return f"has a name of more than {LONGEST_NAME} bytes in its path"
    # A path through a file does not exist either.
    above = next((path for path in (home, *home.parents) if path.exists()), None)
    return f"cannot be a folder, because {above} is a file" if above is not None and not above.is_dir() else None


def _check_variables(names: Iterable[str]) -> None:
    """Refuse variables that begin like settings and are none.

    Raises:
        SettingsError: names the variable, and the setting that may be meant.
    """
    known = [name.upper() for name in Settings.model_fields]
    for name in sorted(names):
        if not name.upper().startswith(PREFIX) or name in OTHER_VARIABLES:
            continue
        setting, _, within = name.upper().removeprefix(PREFIX).partition("__")
        if setting in known and not (within and setting not in NESTED):
            continue
        close = difflib.get_close_matches(setting, known, n=1)
        listed = ", ".join(PREFIX + one for one in known)
        meant = f"did you mean {PREFIX}{close[0]}?" if close else f"the settings are {listed}"
        raise SettingsError(f"the environment variable {name} is no setting; {meant}")


def _values_in(file: Path) -> dict[str, Any]:
    """The values of a settings file; none if there is no file. A byte order mark at its beginning is left out.

    Raises:
        SettingsError: it cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return {}  # There is no such file; home_problem() says why.
        raise SettingsError(f"{file} cannot be read: {error.strerror}; it must be a file that you may read") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file} is not valid UTF-8 ({error}); save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f'{file} is not TOML: {error}; write one setting a line, such as embedder = "minilm"'
        ) from error
