"""What counts as personal data, and texts without it."""

import time

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys_assets.domain.keywords.personal import (
    hold_personal_data,
    holds_personal_data,
    impersonal,
    masked,
    masked_series,
)

PERSONAL = """
john@example.com
email john.doe+x@mail.example.co.uk please
john (at) example (dot) com
john [at] example.com
john at example dot com
john AT mail DOT example DOT org
john @ example . com
j o h n @ e x a m p l e . c o m
ｊｏｈｎ＠ｅｘａｍｐｌｅ．ｃｏｍ
john\u200b@exam\u00adple.com
jo\u200dhn@example.com
jörg@müller.de
иван@почта.рф
john@gmail
john.doe gmail com
john at gmail.com
mailto:john@example.com
+44 20 7946 0958
+442079460958
+372 512 34
0044 20 7946 0958
(020) 7946 0958
020 7946 0958
020-7946-0958
020.7946.0958
07700 900123
07700900123
(555) 123-4567
555-123-4567
555.123.4567
5551234567
1-800-555-0199
555-0134
06 12 34 56 78
0171/1234567
0171 1234567
+49 (0)171 1234567
612 345 678
98765 43210
138 1234 5678
11 91234-5678
8 (495) 123-45-67
５５５－１２３－４５６７
٠٢٠ ٧٩٤٦ ٠٩٥٨
५५५ १२३ ४५६७
555\u200b123\u200b4567
555–123–4567
call 020 794 60
whatsapp 612345
tel: 123 456
4111 1111 1111 1111
4111-1111-1111-1111
4111111111111111
378282246310005
123-45-6789
078-05-1120
DE89 3704 0044 0532 0130 00
GB82WEST12345698765432
AB 12 34 56 C
ab123456c
https://user:pw@example.com/
https://example.com/reset?token=abcdef
example.com/reset?token=abc
81.2.69.142
2a01:4f8:c17:b8f::2
2a00:1450:4009:81f::200e
00:1a:2b:3c:4d:5e
51.5074, -0.1278
3 1 4 1 5 9 2 6 5 8
plumber john 07700 900123 london
john (at) example dot org
john@example,com
john@example org
john.doe@office
"john doe"@example.org
john%40example.org
john&#64;example.org
john arroba gmail punto com
john chez gmail point com
john klammeraffe example.org
ivan собака mail.ru
john_at_example_dot_org
john-at-example-dot-org
johnatgmaildotcom
john99 at hotmail
john(a)example.com
01 23 45 67 89
0123456789
t.me/johndoe
instagram.com/john.doe
""".strip().split("\n")
"""One text a line."""

HARMLESS = """
iphone 14 128gb
wd 40
covid 19
covid 19 2020 2021
2026-01-31
31.12.2026
12/31/2026
01.02.2026 - 05.02.2026
2026-01-31 12:00
20260131
10 000 steps
10 000 000
1 500 000 000
1000000 dollars
1,000,000,000
90210
sw1a 1aa
1 2 3 4 5 6 7 8
1 2 3 4 5 6 7 8 9 10
34 36 38 40 42 44
100 200 300
2019 2020 2021
2019-2020
500-1000 watts
60x60 tiles
1920x1080
1920 1080
rtx 4090
sony wh-1000xm4
lego 75192
978-3-16-148410-0
isbn 0306406152
3.14159265
192.168.1.1
127.0.0.1
version 1.2.3.4
python 3.11.7
24/7 gym
9 a.m./p.m.
ideas@home
@kyliejenner
sale 5 @ 10
recipes at allrecipes.com
www.ikea.com
https://ikea.com
look at dot paintings
polka dot dress
c++
7
c#
wedding dress
☕
bash: for loop
std::vector
16:9 ratio
10:30:45
and/or
u.s. open
5 ft 11
size 38 40
4k 120hz
1/2 inch
50-50
ac/dc back in black
what is 2+2?
route 66
boeing 737 800
war of 1812 1815
model 123456
π 3.14
𝟙𝟚𝟛
dinner a la carte
vitamin (a)
u.s.@war
facebook.com
x.com
stay-at-home-mom
hotmail login
perro arroba
canon 5d @ night
100% cotton
""".strip().split("\n")


@pytest.mark.parametrize("text", PERSONAL)
def test_personal_data_is_found_in_every_spelling(text: str) -> None:
    assert holds_personal_data(text)
    assert holds_personal_data(text.upper())
    assert holds_personal_data(f"my friend {text} from work")
    assert masked(text) != text


@pytest.mark.parametrize("text", HARMLESS)
def test_other_numbers_signs_and_words_are_not(text: str) -> None:
    assert not holds_personal_data(text)
    assert masked(text) == impersonal(text) == text


@pytest.mark.parametrize(
    ("text", "shown", "words"),
    [
        ("mail jo.smith+x@mail.example.org now", "mail [e-mail] now", "mail now"),
        ("call +44 20 7946 0958", "call [number]", ""),
        ("Call my plumber: 07700 900123", "Call my plumber: [number]", "Call my plumber"),
        ("card 4111-1111-1111-1111", "card [number]", "card"),
        ("rent to GB29 NWBK 6016 1331 9268 19", "rent to [number]", "rent to"),
        ("https://example.org/me?id=3 photos", "[link] photos", "photos"),
        ("john (020 7946 0958)", "john ([number])", "john"),
        ("plumber john 07700 900123 london", "plumber john [number] london", "plumber john london"),
        ("from 2026-01-31 to 020 7946 0958", "from 2026-01-31 to [number]", "from 2026-01-31 to"),
        ("020 7946 0958", "[number]", ""),
        ("🎂 020 7946 0958", "🎂 [number]", ""),
    ],
)
def test_personal_data_is_masked_or_left_out(text: str, shown: str, words: str) -> None:
    assert masked(text) == shown
    assert impersonal(text) == words


PARTS = st.sampled_from([*PERSONAL, *HARMLESS, "555", "1234", "-", "+", "(", "@", "gmail.com", ".", " "]) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=5
)


@settings(max_examples=500, deadline=None)
@given(st.lists(PARTS, max_size=6), st.sampled_from(["", " "]))
def test_words_without_personal_data_hold_none(parts: list[str], between: str) -> None:
    text = between.join(parts)
    words = impersonal(text)
    assert not holds_personal_data(words)
    assert impersonal(words) == words
    assert (words == text) or holds_personal_data(text)


@pytest.mark.parametrize(
    "part",
    ["a", "a ", "1 ", "1", "a@", "a.b", "(at)", "a-", "0a:", "x at ", "12.", "a1 ", "ab12 ", "a.a/", "://www.", "-at-"],
)
def test_time_is_proportional_to_the_length(part: str) -> None:
    start = time.perf_counter()
    impersonal(part * (10_000 // len(part)))
    assert time.perf_counter() - start < 5


def test_series_are_looked_at_value_by_value() -> None:
    texts = pl.Series("t", ["a@b.org", None, "shed", "a@b.org"])
    assert hold_personal_data(texts).to_list() == [True, None, False, True]
    assert masked_series(texts).to_list() == ["[e-mail]", None, "shed", "[e-mail]"]
    assert hold_personal_data(texts.clear()).dtype == pl.Boolean
    lists = pl.Series("l", [["a@b.org", "shed"], [], None])
    assert masked_series(lists).to_list() == [["[e-mail]", "shed"], [], None]


@given(st.lists(PARTS, max_size=6), st.sampled_from(["", " ", "  ", "\u200b", "\u3164", "\u2010"]))
@settings(max_examples=500)
def test_one_expression_clears_no_text_that_needs_a_closer_look(parts: list[str], between: str) -> None:
    text = between.join(parts)
    assert hold_personal_data(pl.Series([text, None])).to_list() == [holds_personal_data(text), None]
