"""CSV: where records end, which line a stray quote costs, and how many lines there are."""

import csv
import io
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys_assets.storage.ingest.errors import IngestError
from journeys_assets.storage.ingest.readers import pieces
from journeys_assets.storage.ingest.readers.pieces import Wanted
from tests.support.reading import read, read_text

HEADER = "user_id,query,searched_at\n"
TIME = "2026-01-01T10:00:00Z"


def line(number: int, query: str = "garden shed") -> str:
    return f"u{number},{query},{TIME}\n"


def good(count: int, start: int = 100) -> str:
    return "".join(line(start + i) for i in range(count))


# ── stray quotes ────────────────────────────────────────────────────────────────────────────────────────────────────

STRAY = [
    ("nothing below", "", []),
    ("a quote that ends a field below", 'u9,wedding dress",2026-01-01\n', [9]),
    ("the next stray opening", f'u9,"dress,{TIME}\n', []),
    ("a quote in the middle of a field", 'u9,5" pipe,2026-01-01\n', [9]),
    ("a quote within a time", 'u9,dress,2026-01-01"\n', [9]),
    ("a broken line that ends the field", f'u9,a,b",{TIME}\n', []),
]


@pytest.mark.parametrize("n_between", [0, 1, 1_000])
@pytest.mark.parametrize(("below", "read_below"), [case[1:] for case in STRAY], ids=[case[0] for case in STRAY])
def test_a_stray_opening_quote_costs_its_line(
    tmp_path: Path, below: str, read_below: list[int], n_between: int
) -> None:
    text = HEADER + line(1, '"wedding dress lace') + good(n_between) + below + good(3, start=5_000)
    piece = read_text(tmp_path, text)
    expected = [f"u{100 + i}" for i in range(n_between)]
    expected += [f"u{number}" for number in read_below] + ["u5000", "u5001", "u5002"]
    if "a,b" in below and n_between == 0:
        return  # Then the two lines are one record with a text of two lines.
    assert piece.frame["user_id"].to_list() == expected
    assert piece.refused["line"][0] == 2
    assert "quote" in piece.refused["reason"][0] or "not CSV" in piece.refused["reason"][0]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_an_even_number_of_stray_quotes_costs_as_many_lines(tmp_path: Path, line_end: str) -> None:
    text = HEADER + line(1, '"lace') + good(5) + line(2, 'dress"') + good(5, 200) + line(3, '"a" b') + good(5, 300)
    piece = read_text(tmp_path, text.replace("\n", line_end))
    assert piece.frame.height == 16
    assert piece.refused["line"].to_list() == [2, 14]


def test_dirty_lines_among_the_swallowed_ones_hide_nothing(tmp_path: Path) -> None:
    text = HEADER + line(1, '"lace') + "\n\nragged\n\nu,,\n" + line(2) + "\n" + line(3, 'x"')
    piece = read_text(tmp_path, text)
    assert piece.frame["user_id"].to_list() == ["u", "u2", "u3"]
    assert piece.refused["line"].to_list() == [2, 5]


def test_a_stray_quote_costs_its_line_in_a_catalogue_without_times(tmp_path: Path) -> None:
    pins = "".join(f"p{i},oak table {i}\n" for i in range(50))
    piece = read_text(tmp_path, f'pin_id,title\np,"desk\n{pins}q,lamp"\n{pins}', "pins")
    assert piece.frame.height == 101
    assert piece.refused["line"].to_list() == [2]


def test_a_record_too_long_to_be_accepted_swallows_no_records(tmp_path: Path) -> None:
    text = HEADER + f'u1,"lace, white,{TIME}\n' + good(1_000) + f'u2,a,b",{TIME}\n'
    piece = read_text(tmp_path, text)
    assert piece.frame.height == 1_000
    assert piece.refused["line"].to_list() == [2, 1_003]


# ── quoted fields that span lines ───────────────────────────────────────────────────────────────────────────────────

SPANNING = [
    "two\nlines",
    "one\ntwo, three",
    "one,two\nthree,four",
    'three\n\nlines, "quoted"',
    f"a line of a log:\nu2,garden,{TIME}\nend",
    "log:\n" + "".join(f"u{i},garden,{TIME}\n" for i in range(5)) + "end",
    "\nfirst line blank",
    "last line blank\n",
    ",\n,",
]


@pytest.mark.parametrize("text", SPANNING)
@pytest.mark.parametrize("block_bytes", [7, 40, 10_000])
def test_a_quoted_text_of_several_lines_is_one_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, block_bytes: int
) -> None:
    monkeypatch.setattr(pieces, "BLOCK_BYTES", block_bytes)
    target = io.StringIO()
    csv.writer(target, lineterminator="\n").writerow(["u1", text, TIME])
    piece = read_text(tmp_path, HEADER + good(2) + target.getvalue() + good(2, 200))
    assert piece.frame["query"].to_list() == ["garden shed"] * 2 + [text] + ["garden shed"] * 2
    assert piece.refused.is_empty()


def test_a_title_of_several_lines_is_one_field(tmp_path: Path) -> None:
    piece = read_text(tmp_path, 'pin_id,title\np1,"Salt\nSugar, milk"\np2,x\n', "pins")
    assert piece.frame["title"].to_list() == ["Salt\nSugar, milk", "x"]


def test_a_record_with_a_line_that_is_not_utf8_is_refused_once_and_whole(tmp_path: Path) -> None:
    content = f'{HEADER}u1,"one\ncaf\xe9\nthree",{TIME}\ncaf\xe9\n{line(2)}'.encode("latin-1")
    piece = read_text(tmp_path, content)
    assert piece.frame["user_id"].to_list() == ["u2"]
    assert piece.refused["line"].to_list() == [2, 5]
    assert "its line 2 is not valid UTF-8" in piece.refused["reason"][0]


# ── every line is accounted for ─────────────────────────────────────────────────────────────────────────────────────

WORDS = st.text("abcxyzé日", min_size=1, max_size=6)


@st.composite
def log_lines(draw: st.DrawFn) -> tuple[str, str | None, int]:
    """Some lines, the query that must be read from them (None: nothing must), and the number of lines."""
    word = draw(WORDS)
    plain = f"{draw(WORDS)},{word},2026-01-0{draw(st.integers(1, 9))}"
    kind = draw(st.sampled_from(["plain", "plain", "stray", "quoted", "spanning", "blank", "ragged"]))
    if kind == "plain":
        return plain, word, 1
    if kind == "stray":
        at = draw(st.integers(0, len(plain)))
        return plain[:at] + '"' + plain[at:], None, 1
    if kind in ("quoted", "spanning"):
        joint = draw(
            st.sampled_from([", ", '"', ' "x" '] if kind == "quoted" else ["\n", "\n\n", ', "q"\n', "\nu,v,w\n"])
        )
        text = joint.join([word, *draw(st.lists(WORDS, min_size=1, max_size=3))])
        return f'{draw(WORDS)},"{text.replace(chr(34), chr(34) * 2)}",2026-01-01', text, 1 + text.count("\n")
    return ("", None, 1) if kind == "blank" else (draw(WORDS), None, 1)


@settings(max_examples=300, deadline=None)
@given(
    parts=st.lists(log_lines(), min_size=1, max_size=14),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    block_bytes=st.sampled_from([5, 30, 10_000]),
    ends=st.booleans(),
)
def test_every_record_outside_of_stray_lines_is_read_and_lines_add_up(
    tmp_path_factory: pytest.TempPathFactory,
    parts: list[tuple[str, str | None, int]],
    line_end: str,
    block_bytes: int,
    ends: bool,
) -> None:
    text = HEADER.strip() + "\n" + "\n".join(lines for lines, _, _ in parts) + "\n" * ends
    file = tmp_path_factory.mktemp("log") / "x.csv"
    file.write_bytes(text.replace("\n", line_end).encode())
    wanted = Wanted.of_source("search_events")
    with mock.patch.object(pieces, "BLOCK_BYTES", block_bytes):
        piece = read(file, wanted)
    found = dict(piece.frame.select("line", "query").rows())
    at = 2
    for lines, query, n_lines in parts:
        if query is not None:
            assert found.get(at) == query, (lines, text)
        at += n_lines
    assert wanted.counts.n_lines == at - 1 - (not ends and not parts[-1][0])
    assert wanted.counts.n_blank == sum(lines == "" for lines, _, _ in parts) - (not ends and not parts[-1][0])


# ── line ends ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("block_bytes", [1, 3, 26, 27, 10_000])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_line_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line_end: str, block_bytes: int) -> None:
    monkeypatch.setattr(pieces, "BLOCK_BYTES", block_bytes)
    piece = read_text(tmp_path, (HEADER + line(1) + "\n" + line(2)).replace("\n", line_end))
    assert piece.frame["user_id"].to_list() == ["u1", "u2"]
    assert piece.frame["line"].to_list() == [2, 4]
    assert piece.frame["searched_at"].to_list() == [TIME, TIME]


@pytest.mark.parametrize("block_bytes", range(1, 40))
def test_returns_of_two_kinds_over_block_borders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    monkeypatch.setattr(pieces, "BLOCK_BYTES", block_bytes)
    piece = read_text(tmp_path, (HEADER.strip() + "\r" + line(1).strip() + "\r\n" + line(2)))
    assert piece.frame["line"].to_list() == [2, 3]


def test_a_single_return_among_line_feeds_is_a_character_and_named_where_it_breaks_a_record(tmp_path: Path) -> None:
    piece = read_text(tmp_path, HEADER + "u1,a\rb,2026-01-01\nu2,a,2026-01-01\ru3,a,2026-01-01\n")
    assert piece.frame["query"].to_list() == ["a\rb"]
    assert "has 5 fields where the header has 3; it has carriage returns" in piece.refused["reason"][0]


# ── separators and headers ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.tab", "x.csv.1"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_follows_from_the_header(tmp_path: Path, name: str, separator: str) -> None:
    rows = [("user_id", "query", "searched_at"), ("u1", f"a{separator}b", TIME), ("u2", 'say "x"', TIME)]
    target = io.StringIO()
    csv.writer(target, delimiter=separator).writerows(rows)
    file = tmp_path / name
    file.write_text(target.getvalue())
    wanted = Wanted.of_source("search_events")
    assert read(file, wanted).frame["query"].to_list() == [f"a{separator}b", 'say "x"']
    assert wanted.separator == separator


def test_a_semicolon_within_a_name_does_not_change_the_separator(tmp_path: Path) -> None:
    assert read_text(tmp_path, "user_id,query,searched_at,a;b\nu,q,t,x\n").frame["query"].to_list() == ["q"]


def test_header_names_are_matched_by_their_letters(tmp_path: Path) -> None:
    header = '\ufeffUSER_ID,\u00a0Time Zone\u200b,"Push  Opt-In ",E\u00admail-Opt-In,,Timezone\n'
    file = tmp_path / "x.csv"
    file.write_text(header + "u,1,true,false,,Europe/Paris\n")
    wanted = Wanted.of_source("users")
    frame = read(file, wanted).frame
    assert frame.rows(named=True) == [
        {"line": 2, "user_id": "u", "timezone": "Europe/Paris", "email_opt_in": "false", "push_opt_in": "true"}
    ]
    assert wanted.unknown == {"\u00a0Time Zone\u200b".strip(), "column 5 (no name)"}


def test_two_columns_of_the_same_name_are_an_error_that_names_both(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"columns 'Query' and 'query' mean the same column"):
        read_text(tmp_path, "user_id,Query,query ,searched_at\nu,a,b,2026-01-01\n")


def test_a_nearly_known_column_is_suggested(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("user_id,push_optin,colour\nu,true,red\n")
    wanted = Wanted.of_source("users")
    read(file, wanted)
    assert wanted.did_you_mean == {"push_optin": "push_opt_in"}
    with pytest.raises(IngestError, match=r"column query is missing .*did you mean query by 'querry'\?"):
        read_text(tmp_path, "user_id,querry,searched_at\n")
