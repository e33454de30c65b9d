r"""Texts from logs in what is sent to a model: the one place where they are made harmless.

**The rule: the user message is one JSON object, and every text in it is data.** Each text is cleaned (nothing
invisible, no control character, white space as single spaces), cut to ``LONGEST_TEXT``, and written as JSON with ``<``
and ``[`` escaped. So no text can end its quotes, begin a line, or spell a control token of a chat template
(``<|im_end|>``, ``[INST]``), and a JSON parser gives it back unchanged. A model may obey a text nevertheless: form and
content of each answer are checked.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from journeys_assets.domain.keywords.personal import holds_personal_data
from journeys_assets.domain.keywords.text import cleaned

LONGEST_TEXT = 200
"""Characters of one text; what is beyond is cut off and replaced by ``…``."""

_KEY = re.compile(r"[a-z][a-z0-9_]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def quoted(text: str, *, longest: int = LONGEST_TEXT) -> str:
    """``text`` as it is sent: cleaned, and cut to ``longest`` characters."""
    text = cleaned(text.encode("utf-8", "replace").decode())
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def quoted_data(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data of a question as it is sent: every text in it :func:`quoted`.

    Raises:
        ValueError: a text holds personal data, a key is no name, or a value is none of JSON. The message names the
            place and shows no text.
    """
    return {_key(key, "data"): _quoted_value(value, f"data.{key}") for key, value in data.items()}


def as_message(value: Mapping[str, Any]) -> str:
    """JSON of one line, with sorted keys; no text in it holds a raw ``<`` or ``[``."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False)
    return _STRING.sub(lambda match: match[0].replace("<", r"\u003c").replace("[", r"\u005b"), text)


def _key(key: object, where: str) -> str:
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise ValueError(f"{where}: a key is not a lower-case name; keys come from code, and texts of logs are values")
    return key


def _quoted_value(value: Any, where: str) -> Any:
    if isinstance(value, str):
        if holds_personal_data(value):
            raise ValueError(f"{where} holds personal data, which no model may see; leave it out before asking")
        return quoted(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, list | tuple):
        return [_quoted_value(item, f"{where}[{n}]") for n, item in enumerate(value)]
    if isinstance(value, Mapping):
        return {_key(key, where): _quoted_value(item, f"{where}.{key}") for key, item in value.items()}
    raise ValueError(f"{where} is a {type(value).__name__}; data is texts, finite numbers, booleans, lists and objects")
