"""From a keyword as people spell it to the name of a journey: one line, readable, and without personal data.

A form in capitals is shown in lower case with a capital first letter, unless it is a short acronym:

* A capital ``İ`` shows that the text is Turkish or Azeri; then ``I`` becomes ``ı``, and otherwise ``i``.
* A first letter that is a digraph becomes its title case (``Ǆ`` → ``ǅ``); scripts whose letters have no title case,
  such as Georgian, get no capital.
* A final sigma is one also after the change of case.

Personal data (``domain.keywords.personal``) is left out. If no word is left, the name is ``NAMELESS``.
"""

from __future__ import annotations

import unicodedata

from journeys_assets.domain.keywords.personal import holds_personal_data, impersonal
from journeys_assets.domain.keywords.text import cleaned, normalise
from journeys_assets.domain.vocabulary import NAMELESS

MAX_NAME_CHARACTERS = 80
_ACRONYM_CHARACTERS = 4


def name_of(display_form: str, keyword: str) -> str:
    """The name that a journey gets from ``keyword``, which people spell as ``display_form`` (empty if unknown)."""
    form = impersonal(cleaned(display_form)) or impersonal(cleaned(keyword)) or NAMELESS
    name = _shortened(_not_in_capitals(form))
    # A part of a harmless number, such as an ISBN, may look like a phone number.
    return impersonal(name) or NAMELESS if holds_personal_data(name) else name


def _not_in_capitals(form: str) -> str:
    is_in_capitals = form == form.upper() != form.lower()
    if not is_in_capitals or (len(form) <= _ACRONYM_CHARACTERS and " " not in form):
        return form
    turkish = "İ" in unicodedata.normalize("NFC", form)
    lower = (form.replace("İ", "i").replace("I", "ı") if turkish else form).lower()
    first = unicodedata.normalize("NFC", form[0].lower().title())
    return first + lower[len("i" if form[0] == "İ" else form[0].lower()) :]


def _shortened(form: str) -> str:
    return form if len(form) <= MAX_NAME_CHARACTERS else form[: MAX_NAME_CHARACTERS - 1].rstrip() + "…"


def key_of(name: str) -> str:
    """What two names have in common that people would take for the same; a name without a keyword stands for itself."""
    return normalise(name) or name
