r"""Personal data in texts: what counts, and texts without it.

No name of a journey and no title of a message holds any (a rule of their columns, ``Column.is_impersonal``), and
sheets for annotators mask it. It counts wherever it stands in a text, and in any of its usual spellings: full-width or
non-Latin digits, other dashes and dots, invisible characters in between, spaced letters and digits.

* E-mail addresses: ``jo@example.org``, ``jo (at) example (dot) org``, ``jo at example dot com``,
  ``jo @ example . com``, ``jo@gmail``, ``jo.smith gmail com``, ``jo.smith@office``, ``jo@example,com``,
  ``jo%40example.org``, ``jo-at-example-dot-org``, ``jo arroba gmail punto com``. A handle (``@kyliejenner``) is none.
* Numbers that may be of a phone, a card, an account or a document, social security numbers among them:

  - seven digits or more in one run, or nine or more in groups with spaces, dots, dashes, slashes or parentheses in
    between;
  - seven digits or more after a ``+``, six or more after a word such as ``phone``, ``tel`` or ``whatsapp``;
  - a local number such as ``555-0134``; an IBAN; a British national insurance number.

* Links with a path, a query or a user: ``https://example.org/reset?token=1``, ``t.me/josmith``. The name of a site is
  none.
* Addresses of machines: public IPv4 and IPv6 addresses, MAC addresses. A pair of precise coordinates.

No personal data are: dates and times, years, ISBNs, decimal and rounded numbers (``10 000 000``), numbers in equal
steps (``1 2 3 4 5 6 7 8 9``), groups of one or two digits without a leading 0 (sizes, ages), private addresses
(``192.168.1.1``), versions, postcodes, and numbers of models of up to six digits. Names of people and postal
addresses are not detected. In doubt a number counts as personal: that costs a journey a worse name and nothing else.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import unicodedata
from collections.abc import Callable, Sequence
from itertools import pairwise

import polars as pl

from journeys_assets.domain.keywords.text import CONTROLS, INVISIBLE, cleaned

_PROVIDERS = "gmail|googlemail|yahoo|ymail|hotmail|outlook|icloud|aol|gmx|protonmail|yandex"
_ENDINGS = (
    "com|org|net|edu|gov|info|biz|io|co|me|app|dev|de|uk|fr|es|it|nl|be|ch|at|pl|pt|se|no|dk|fi|ie|ru|ua|cz|gr|tr|in|cn|"
    "jp|kr|au|nz|br|mx|ar|ca|us|za|ng|eu"
)
# Repetitions are bounded, so that the time is proportional to the length of the text.
_LOCAL = r"[\w.+%'\-]{0,63}[\w+%'\-]"
_LABEL = r"[^\W_][\w\-]{0,62}"
_AT = "arobase|arroba|chiocciola|klammeraffe|собака"
"""Names of the sign that mean nothing else."""
_DOT = r"(?:dot|punkt|point|punto|ponto|точка)"
_EMAIL = re.compile(
    rf"{_LOCAL}[\"']?@{_LABEL}(?:\.[\w\-]{{1,63}}){{0,8}}\.[^\W\d_]{{2,63}}"
    rf"|{_LOCAL} ?@ ?{_LABEL}(?: ?\. ?[\w\-]{{1,63}}){{0,8}}? ?\. ?(?:{_ENDINGS})\b"
    rf"|{_LOCAL} ?@ ?(?:{_PROVIDERS})\b"
    rf"|{_LOCAL}@{_LABEL}[ ,;](?:com|org|net|edu|gov|co uk|uk|de|fr)\b"
    rf"|(?=[\w+\-]{{0,63}}[\d._]){_LOCAL}@{_LABEL}"
    rf"|{_LOCAL} ?(?:@| at ) ?(?:{_LABEL} dot ){{1,8}}(?:{_ENDINGS})\b"
    rf"|{_LOCAL}[\-_]at[\-_](?:[^\W_]{{1,63}}[\-_]dot[\-_]){{1,8}}(?:{_ENDINGS})\b"
    rf"|{_LOCAL} (?:{_AT}) {_LABEL}(?: {_DOT} |[. ])(?:[\w\-]{{1,63}}(?: {_DOT} |\.)){{0,8}}[^\W\d_]{{2,63}}\b"
    rf"|{_LOCAL} (?:at|chez|bei|en) (?:{_PROVIDERS}) {_DOT} (?:{_ENDINGS})\b"
    rf"|\w{{1,63}}at(?:{_PROVIDERS})dot(?:com|de|net|fr|co)"
    rf"|(?=[\w+\-]{{0,63}}[\d._])[\w+\-][\w.+\-]{{1,63}} at (?:{_PROVIDERS})\b"
    rf"|{_LOCAL} at (?:{_PROVIDERS})[. ](?:{_ENDINGS})\b"
    rf"|(?=[\w+\-]{{0,63}}[\d._])[\w+\-][\w.+\-]{{1,63}} (?:{_PROVIDERS})[. ](?:com|de|net|fr)\b",
    re.IGNORECASE,
)
_SIGNS_IN_BRACKETS = tuple(
    (re.compile(rf" ?[(\[{{<] ?(?:{words}) ?[)\]}}>] ?| [-_](?:{words})[-_] ", re.IGNORECASE), sign)
    for words, sign in ((rf"at|a|à|ät|@|{_AT}", "@"), (r"dot|punkt|point|punto|ponto|\.", "."))
)
_ENCODED_AT = re.compile(r"%40|&(?:#64|#x40|commat);", re.IGNORECASE)
_SPACED_OUT = re.compile(r"(?<!\S)(?:[\w@.+\-] ){3,}[\w@.+\-](?!\S)")
_PROFILES = (
    r"(?:instagram|facebook|fb|linkedin|twitter|tiktok|snapchat|pinterest)\.com"
    r"|(?:t|wa|fb|m|paypal|venmo|line)\.me|x\.com"
)
"""Sites on which a path is a person."""
_LINK = re.compile(
    r"(?:https?://|www\.)[^\s/?#@]{0,255}(?:@|/\S|[?#])\S*"
    rf"|(?<![\w@.\-])(?:(?:www|m|[a-z]{{2}})\.)?(?:{_PROFILES})/[\w.\-@+]{{2,}}\S{{0,255}}"
    r"|(?<![\w@.\-])(?:[a-z0-9\-]{1,63}\.){1,8}[a-z]{2,63}(?:/\S{0,255}?[\d?=&%]|\?)\S*",
    re.IGNORECASE,
)
_IP_ADDRESS = re.compile(
    r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])|(?<![\w:])[0-9a-f:]{3,45}(?![\w:])", re.IGNORECASE
)
_DEVICE = re.compile(r"(?<![\w:\-])[0-9a-f]{2}(?:[:\-][0-9a-f]{2}){5}(?![\w:\-])", re.IGNORECASE)
_PLACE = re.compile(r"[+\-]?\d{1,2}\.\d{4,15} ?[,; ] ?[+\-]?\d{1,3}\.\d{4,15}")
_IBAN = re.compile(r"\b[a-z]{2}\d{2}(?: ?[a-z0-9]{4}){2,7}(?: ?[a-z0-9]{1,4})?\b", re.IGNORECASE)
_INSURANCE = re.compile(r"\b[abceghj-prstw-z][abceghj-nprstw-z] ?\d{2} ?\d{2} ?\d{2} ?[a-d]\b", re.IGNORECASE)
_YEAR = r"(?:1\d|20|21)\d{2}"
_MONTH_OR_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_DATE = (
    rf"(?:{_YEAR}[-./]{_MONTH_OR_DAY}[-./]{_MONTH_OR_DAY}|{_MONTH_OR_DAY}[-./]{_MONTH_OR_DAY}[-./](?:{_YEAR}|\d{{2}})"
    r"|(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))(?:[t ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?)?"
)
_DATES = re.compile(rf"(?<![\d.\-/+(]){_DATE}(?: ?- ?{_DATE})?(?!\d|[.\-/ )]\d)", re.IGNORECASE)
_NUMBER = re.compile(r"(?:\+ ?)?(?:\(\d+\)|\d+)(?:[ .\-/()]{1,3}\d+)*")
_CALL_WORDS = (
    "phone|telephone|tel|mobile|cell|call|fax|whatsapp|sms|text|handy|telefon|telefono|teléfono|móvil|portable|numéro|"
    "nummer|ring|dial"
)
_CALLED = re.compile(rf"\b(?:{_CALL_WORDS})\b[^\d+(]{{0,12}}$", re.IGNORECASE)
_WORDS_OF_CONTACT = frozenset(
    {*_CALL_WORDS.split("|"), *["e-mail", "email", "mail", "number", "my", "me", "or", "and", "is", "to", "at"]}
)
_ISBN = re.compile(r"\bisbn\b[^\d]{0,6}$", re.IGNORECASE)
_LOCAL_NUMBER = re.compile(r"([2-9]\d{2})-(\d{4})")
_SIGNS = re.compile(r"[@/?#:(\[{<]")
_WORDS = (" at ", "-at-", "_at_", *_AT.split("|"), *_PROVIDERS.split("|"))
_SIX_DIGITS = re.compile(r"(?:\D*\d){6}")
_ANY_DASH = r"\p{Pd}\u2212"
_LOOKED_AT = (
    rf"[@/?#:(\[{{<\p{{C}}{CONTROLS}{INVISIBLE}\u034f\u180b-\u180f\u200c\u200d\ufe00-\ufe0f]"
    rf"|(?:\p{{N}}\P{{N}}*){{6}}|(?:[{_ANY_DASH}][^{_ANY_DASH}]*){{5}}"
    rf"|(?i:[\s_{_ANY_DASH}]at[\s_{_ANY_DASH}]|{_AT}|%40|{_PROVIDERS})"
)
"""Of a text in NFKC, for the expressions of polars: finds all that ``_may_hold_any`` finds, and a little more."""
_EMPTY_BRACKETS = re.compile(r"[(\[{<] ?[)\]}>]")
_FORMS_OF_SIGNS = str.maketrans(
    {**dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"), **dict.fromkeys("\u3002\u30fb\u00b7", ".")}
)
_NOT_FOR_COMPARISON = re.compile("[\u200c\u200d\ufe00-\ufe0f\U000f0000-\U000fffff]")
_FIRST_PLACEHOLDER = 0xF0000

_DEVICE_DASHES = 5
_IMPERSONAL = ""
_FEWEST_DIGITS, _RUN_DIGITS, _GROUPED_DIGITS = 6, 7, 9

Replace = Callable[[str], str]
"""What to put in place of a piece of personal data, from what kind of data it is."""


@functools.lru_cache(maxsize=2**16)
def holds_personal_data(text: str) -> bool:
    """Whether ``text`` holds personal data: see above.

    Answers are kept: the same names and titles come again on every day of a range.
    """
    return _replaced(text, lambda _: "") is not None


def masked(text: str) -> str:
    """``text`` with its kind in brackets in place of each piece of personal data; unchanged if there is none."""
    found = _replaced(text, lambda kind: f"[{kind}]")
    return text if found is None else found


def impersonal(text: str) -> str:
    """The words of ``text`` without personal data; unchanged if there is none.

    Empty if nothing of interest is left: no letter, or only words of contact such as "call".
    """
    words = text
    # What is left of two pieces may be one piece.
    while (found := _replaced(words, lambda _: " ")) is not None:
        words = " ".join(_EMPTY_BRACKETS.sub(" ", found).split()).strip(" ,;:.-/|+#@([{<")
    if words == text:
        return text
    says_something = any(map(str.isalpha, words)) and not {*words.casefold().split()} <= _WORDS_OF_CONTACT
    return words if says_something else ""


def hold_personal_data(texts: pl.Series) -> pl.Series:
    """Whether each text holds personal data; null where it is null.

    One regular expression clears most texts; each distinct text of the others is looked at once.
    """
    doubtful = texts.str.normalize("NFKC").str.contains(_LOOKED_AT)
    if not doubtful.any():
        return doubtful.rename(texts.name)
    held = [text for text in texts.filter(doubtful).unique() if holds_personal_data(text)]
    return texts.is_in(pl.Series(held, dtype=pl.String).implode())


def masked_series(texts: pl.Series) -> pl.Series:
    """:func:`masked` applied to each text, or to each item of each list; nulls stay null."""
    if not isinstance(texts.dtype, pl.List):
        return _mapped(texts, masked, pl.String())
    old = texts.explode().drop_nulls().unique()
    new = pl.Series([masked(text) for text in old], dtype=pl.String)
    return texts.list.eval(pl.element().replace_strict(old, new, return_dtype=pl.String))


def _mapped(texts: pl.Series, function: Callable[[str], object], dtype: pl.DataType) -> pl.Series:
    old = texts.drop_nulls().unique()
    if old.is_empty():
        return pl.Series(texts.name, [None] * len(texts), dtype=dtype)
    new = pl.Series([function(text) for text in old], dtype=dtype)
    return texts.to_frame().select(pl.all().replace_strict(old, new, return_dtype=dtype)).to_series()


def _replaced(text: str, replace: Replace) -> str | None:
    """``text``, in one spelling of digits and signs, with all personal data replaced; None if it holds none."""
    text = _in_one_spelling(text)
    if not _may_hold_any(text):
        return None
    text, n_replaced = _EMAIL.subn(replace("e-mail"), _with_signs(text))
    kept: list[str] = []

    def put(match: re.Match[str], kind: str | None) -> str:
        nonlocal n_replaced
        if kind is None:
            return match[0]
        if kind != _IMPERSONAL:
            n_replaced += 1
            return replace(kind)
        kept.append(match[0])
        return chr(_FIRST_PLACEHOLDER + len(kept) - 1)

    for pattern, kind_of in _KINDS:
        text = pattern.sub(lambda match, kind_of=kind_of: put(match, kind_of(match)), text)  # type: ignore[misc]
    if not n_replaced:
        return None
    return text.translate({_FIRST_PLACEHOLDER + i: piece for i, piece in enumerate(kept)})


def _may_hold_any(text: str) -> bool:
    """Whether ``text`` needs a closer look. Most texts do not, and this is fast."""
    if _SIGNS.search(text) or _SIX_DIGITS.match(text) or text.count("-") >= _DEVICE_DASHES:
        return True
    lower = text.lower()
    return any(word in lower for word in _WORDS)


def _in_one_spelling(text: str) -> str:
    """``text`` without invisible characters, and with ASCII digits, dashes and dots."""
    text = _ENCODED_AT.sub("@", text)
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    text = unicodedata.normalize("NFKC", cleaned(text))
    text = _NOT_FOR_COMPARISON.sub("", text).translate(_FORMS_OF_SIGNS)
    digits = {ord(c): str(unicodedata.digit(c)) for c in set(text) if c.isdigit() and not c.isascii()}
    return " ".join(text.translate(digits).split())


def _with_signs(text: str) -> str:
    """``text`` with ``@`` and ``.`` for their words in brackets, and no spaces in an address that is spaced out."""
    for pattern, sign in _SIGNS_IN_BRACKETS:
        text = pattern.sub(sign, text)
    return _SPACED_OUT.sub(lambda match: match[0].replace(" ", "") if "@" in match[0] else match[0], text)


# ── kinds ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _ip_address(match: re.Match[str]) -> str | None:
    try:
        is_public = ipaddress.ip_address(match[0]).is_global
    except ValueError:
        return None
    return "address" if is_public else _IMPERSONAL


def _iban(match: re.Match[str]) -> str | None:
    """By its check digits (ISO 13616)."""
    text = match[0].replace(" ", "").upper()
    number = int("".join(str(int(character, 36)) for character in text[4:] + text[:4]))
    return "number" if number % 97 == 1 else None


def _number(match: re.Match[str]) -> str | None:
    token, before = match[0].strip(), match.string[max(0, match.start() - 40) : match.start()]
    groups = re.findall(r"\d+", token)
    n_digits = sum(map(len, groups))
    if n_digits < _FEWEST_DIGITS or _is_isbn("".join(groups), before):
        return None
    if token[0] == "+" and n_digits >= _RUN_DIGITS:
        return "number"
    if _CALLED.search(before):
        return "number"
    if local := _LOCAL_NUMBER.fullmatch(token):
        # Not a range, such as 500-1000.
        return "number" if int(local[1]) % 50 or int(local[2]) % 50 else None
    if re.fullmatch(r"\d{1,3}\.\d+", token):
        return None  # a decimal number
    is_long = len(groups) > 1 and n_digits >= _GROUPED_DIGITS and not _is_list_or_amount(token, groups)
    return "number" if is_long or _has_long_run(groups) else None


def _has_long_run(groups: Sequence[str]) -> bool:
    return any(
        len(run) >= _RUN_DIGITS
        and len(run.rstrip("0")) > 2
        and (run[0] == "0" or not _in_equal_steps([int(digit) for digit in run]))
        for run in groups
    )


def _is_list_or_amount(token: str, groups: Sequence[str]) -> bool:
    """Whether the groups of digits are numbers of their own, or one amount in thousands."""
    if max(map(len, groups)) >= _RUN_DIGITS:
        return False
    if _in_equal_steps([int(group) for group in groups]) and not (len(groups[0]) > 1 and groups[0][0] == "0"):
        return True
    is_thousands = groups[-1] == "000" and {len(group) for group in groups[1:]} == {3} and len(groups[0]) <= 3
    if is_thousands and re.fullmatch(r"[\d .]+", token):
        return True
    are_small = all(len(group) <= 2 or re.fullmatch(_YEAR, group) for group in groups)
    return are_small and groups[0][0] != "0" and any(len(group) > 1 for group in groups)


def _in_equal_steps(numbers: Sequence[int]) -> bool:
    return len(numbers) > 2 and len({b - a for a, b in pairwise(numbers)}) == 1


def _is_isbn(digits: str, before: str) -> bool:
    if len(digits) == 13 and digits.startswith(("978", "979")):
        return sum(int(digit) * (3 if i % 2 else 1) for i, digit in enumerate(digits)) % 10 == 0
    return len(digits) in (9, 10) and bool(_ISBN.search(before))


_KINDS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str | None]], ...] = (
    (_LINK, lambda _: "link"),
    (_DEVICE, lambda _: "address"),
    (_IP_ADDRESS, _ip_address),
    (_PLACE, lambda _: "place"),
    (_IBAN, _iban),
    (_INSURANCE, lambda _: "number"),
    (_DATES, lambda _: _IMPERSONAL),
    (_NUMBER, _number),
)
"""What to look for, in this order, and the kind of a match: ``_IMPERSONAL`` if the next patterns are not to see it,
None if it is nothing."""
