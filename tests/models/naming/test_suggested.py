"""Questions for names: the form of an answer, and what counts of one that is not quite right."""

import pytest

from journeys_assets.domain.naming.suggestions import Shown
from journeys_assets.models.llm.answers import judged_text, schema_of
from journeys_assets.models.naming.suggested import question

SHOWN = Shown("ann", ("j9", "j4"), {"journeys": {"journey_1": ["a b"], "journey_2": ["c d"]}}, 0.5)


def test_the_endpoint_is_told_how_many_names_there_are() -> None:
    schema = schema_of(question(SHOWN).answer)
    assert schema["required"] == ["journey_1", "journey_2"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["journey_1"] == {"type": "string", "minLength": 2, "maxLength": 60}


@pytest.mark.parametrize(
    ("text", "names", "n_problems"),
    [
        ('{"journey_1": "Garden", "journey_2": "Guitar"}', {"j9": "Garden", "j4": "Guitar"}, 0),
        ('{"journey_1": "\\"Garden.\\"", "journey_2": " Guitar\\n"}', {"j9": "Garden", "j4": "Guitar"}, 0),
        ('{"journey_1": "Garden"}', {"j9": "Garden"}, 1),
        ('{"journey_1": "Garden", "journey_2": " "}', {"j9": "Garden"}, 1),
        ('{"journey_1": "Garden", "journey_2": "Guitar", "journey_3": "x"}', {"j9": "Garden", "j4": "Guitar"}, 1),
        ('{"journey_1": "", "journey_2": "12"}', None, 2),
        ('{"journey_1": 5, "journey_2": "Guitar"}', None, 1),
        ('["Garden", "Guitar"]', None, 1),
        ("Garden and guitar", None, 1),
    ],
)
def test_the_good_names_of_an_answer_count(text: str, names: dict[str, str] | None, n_problems: int) -> None:
    found = judged_text(text, question(SHOWN))
    assert found.value == names
    assert len(found.problems) == n_problems
