import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.importers.paths import Extractor, PathError, as_text, parse_path

RECORD = {
    "user_id": 7,
    "properties": {"query": "shed", "n": 5.0, "flag": True, "my.key": "dotted", "$insert_id": "i1"},
    "as_text": '{"query": "nested text", "items": [{"id": 1}, {"id": "2"}, {}]}',
    "items": [{"id": 1, "tags": ["a", "b"]}, {"id": "2"}, "no object"],
    "params": [{"key": "term", "value": {"s": "x", "i": None}}, {"key": "page", "value": {"s": None, "i": 3}}],
    "flat.name": "a column with a dot",
    "flat": {"name": "not this"},
    "words": ["garden", None, 4],
}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("user_id", "7"),
        ("properties.query", "shed"),
        ("properties.n", "5"),
        ("properties.flag", "true"),
        ('properties."my.key"', "dotted"),
        ("properties.$insert_id", "i1"),
        ("as_text.query", "nested text"),
        ("items[0].id", "1"),
        ("items[9].id", None),
        ("items[].id", ["1", "2", None]),
        ("as_text.items[].id", ["1", "2", None]),
        ("words[]", ["garden", None, "4"]),
        ("params[key=term].value.s", "x"),
        ("params[key=page].value.i", "3"),
        ("params[key=none].value.i", None),
        ("flat.name", "a column with a dot"),
        ("user_id.deeper", None),
        ("missing[].id", None),
        ("items[0]", '{"id":1,"tags":["a","b"]}'),
    ],
)
def test_a_path_gives_the_value_as_text(path: str, text: Any) -> None:
    assert parse_path(path).text_in(RECORD) == text


@pytest.mark.parametrize("text", ["", "a..b", "[0]", ".a", "a[", "a[]b", "a[].b[].c", "a[=x]", 'a."', "a b.", "a]"])
def test_a_text_that_is_no_path_is_refused_with_the_text(text: str) -> None:
    with pytest.raises(PathError, match="is no path; write a column"):
        parse_path(text)


KEYS = st.text(st.characters(categories=["L", "N"], exclude_characters='"'), min_size=1, max_size=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(JSON, KEYS, KEYS)
def test_nested_and_as_json_text_are_the_same(value: Any, outer: str, inner: str) -> None:
    path = parse_path(f'"{outer}"."{inner}"')
    nested, text = {outer: {inner: value}}, {outer: json.dumps({inner: value})}
    assert path.text_in(nested) == path.text_in(text) == as_text(value)


PATHS = ("a", "a.a", "a.b", "b[]", "a[].a", "a[].b.a", "b[0].a", "b[a=x].b", "b[a=1].b", "a.a[].b", "b.a.a")
SMALL = st.recursive(
    st.none() | st.sampled_from(["x", "1", 1, '{"a": ["x"], "b": 1}', '[{"a": "x"}]', "{"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "a.a", "b[]"]), SMALL, max_size=4))
def test_all_paths_at_once_give_what_each_gives(record: dict[str, Any]) -> None:
    paths = [parse_path(text) for text in PATHS]
    assert Extractor(paths).texts(record) == [path.text_in(record) for path in paths]


@given(JSON)
def test_text_does_not_depend_on_the_order_of_keys_or_on_keys_without_a_value(value: Any) -> None:
    def rewritten(given: Any) -> Any:
        if isinstance(given, dict):
            return {"\ue000": None, **{key: rewritten(given[key]) for key in reversed(given)}}
        return [rewritten(item) for item in given] if isinstance(given, list) else given

    assert as_text(rewritten(value)) == as_text(value)
