"""Texts from outside that act where they are not escaped, and what no output may have."""

HOSTILE = (
    "[x]",
    "[/note]",
    "[red]text[/red]",
    "[link=javascript:alert(1)]x[/link]",
    ":smile:",
    "\x1b[31mred",
    "\x1b]0;title\x07",
    "\x9b2J",
    "over\rwritten",
    "\u202etxt.exe",
    "\u2066isolated",
    "a\nbad  all is well",
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "<!-- -->",
    "a|b",
    "`code`",
    "**bold** _it_ ~~no~~",
    "[x](javascript:alert(1))",
    "![x](http://example.org/x.png)",
    "http://example.org",
    "\\|",
    "&lt;b&gt;",
    "{{ 7*7 }}",
    "bad\udcffname",
    "مرحبا שלום 結婚式 💍👩‍👩‍👧",
)
ACTING = {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), *range(0x2028, 0x202F), *range(0x2066, 0x206A))}
"""Characters that act on a terminal."""


def acts(text: str, *, allowed: str = "\n") -> list[str]:
    """The characters of printed text that act on a terminal, or that no encoding has."""
    return [c for c in text if (c in ACTING and c not in allowed) or 0xD800 <= ord(c) < 0xE000]
