"""What a map of themes is made from: the names of all users' journeys on a day."""

from __future__ import annotations

from datetime import date

import numpy as np

from journeys_assets.domain.keywords.vectors import unpack
from journeys_assets.domain.themes.landmarks import landmarks_of, share_near
from journeys_assets.domain.themes.params import ThemeParams
from journeys_assets.domain.themes.themes import distinct_names, names_to_embed, themes_of, users_of_names
from journeys_assets.models.themes.release import ThemeMap, make_release
from journeys_assets.storage.queries.themes import names_of
from journeys_assets.storage.queries.vectors import stored_vectors
from journeys_assets.storage.warehouse.duckdb_file import Warehouse


def make_theme_map(
    warehouse: Warehouse,
    as_of: date,
    embedding_model: str,
    live: ThemeMap | None,
    *,
    least_users: int,
    params: ThemeParams,
) -> ThemeMap:
    """Places of the themes of ``as_of``.

    Args:
        live: The map that would be live otherwise.
        least_users: Themes of fewer users are not shown, and are no landmarks.
    """
    with warehouse.reading() as con:
        spelled = names_of(con, as_of)
        names, _, counts = distinct_names(spelled["journey_name"].to_list(), spelled["n_users"].to_list())
        chosen = [names[i] for i in names_to_embed(names, counts.tolist(), params)]
        stored = stored_vectors(con, "name", chosen, embedding_model)
    known = dict(zip(stored["name"], stored["embedding"], strict=True))
    users = dict(zip(names, counts.tolist(), strict=True))
    chosen = [name for name in chosen if name in known]
    n_users = [users[name] for name in chosen]
    vectors = unpack([known[name] for name in chosen]).astype(np.float32)
    themes = themes_of(chosen, n_users, vectors, least_users=least_users, params=params)
    of_themes = users_of_names(themes.of_name, np.asarray(n_users, dtype=np.int64), len(themes.labels))
    share = None
    if live is not None and live.embedding_model == embedding_model:
        share = share_near(live.landmarks, themes.vectors, of_themes, params)
    return make_release(landmarks_of(themes, of_themes, params), embedding_model, as_of, params, share)
