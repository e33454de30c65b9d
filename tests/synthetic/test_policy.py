"""The sending policy outside random slots: logged propensities are correct, and choices follow them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pytest

from journeys_assets.synthetic import notifications, world
from journeys_assets.synthetic.catalogue import Catalogue
from journeys_assets.synthetic.notifications import POLICY, Mailbox
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.plans import Journey, User
from journeys_assets.synthetic.record import UserRecord

PARAMS = WorldParams(n_users=500, n_days=45, first_day=date(2026, 3, 2))


@dataclass(frozen=True, slots=True)
class Choice:
    """One send about a journey: the policy's probability of every possible journey, and the chosen one."""

    probabilities: dict[str, float]
    theme: str
    propensity: float
    is_random: bool


def softmax(journeys: Sequence[Journey], day: int, record: UserRecord) -> dict[str, float]:
    """The probabilities of the policy by its definition in ``Policy``, computed from the record."""
    scores = {}
    for journey in journeys:
        recency = math.exp((journey.last_seen_day - day) / POLICY.recency_days)
        volume = math.log(1 + len(record.searched.get(journey.theme.name, {})))
        scores[journey.theme.name] = POLICY.recency_weight * recency + POLICY.volume_weight * volume
    total = sum(math.exp(score) for score in scores.values())
    return {theme: math.exp(score) / total for theme, score in scores.items()}


@pytest.fixture(scope="module")
def choices() -> list[Choice]:
    """Every send of the journey arm, with the possible journeys before the send."""
    found: list[Choice] = []
    send = notifications.maybe_send

    def watched(
        params: WorldParams,
        user: User,
        journeys: Sequence[Journey],
        catalogue: Catalogue,
        day: int,
        record: UserRecord,
        mailbox: Mailbox,
    ) -> None:
        known = [j for j in journeys if j.has_begun(day) and notifications.earliest_known(record, j, day, params)]
        probabilities, n_before = softmax(known, day, record), len(mailbox.rows)
        send(params, user, journeys, catalogue, day, record, mailbox)
        if len(mailbox.rows) > n_before and mailbox.arm == "journey":
            propensity, is_random = mailbox.rows[-1][9:11]
            theme = mailbox.truth[-1][3]
            assert isinstance(propensity, float)
            found.append(Choice(probabilities, str(theme), propensity, bool(is_random)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world, "maybe_send", watched)
        world.generate_world(PARAMS)
    return found


def test_the_logged_propensity_equals_the_probability_of_the_policy(choices: list[Choice]) -> None:
    policy = [choice for choice in choices if not choice.is_random]
    assert len(policy) > 1000
    for choice in policy:
        assert choice.propensity == pytest.approx(choice.probabilities[choice.theme], rel=1e-9)
    for choice in (choice for choice in choices if choice.is_random):
        assert choice.propensity == pytest.approx(1 / len(choice.probabilities), rel=1e-9)


def test_the_policy_chooses_with_its_stated_probabilities(choices: list[Choice]) -> None:
    policy = [choice for choice in choices if not choice.is_random and len(choice.probabilities) > 1]
    likeliest = [max(choice.probabilities.values()) for choice in policy]
    hits = sum(choice.probabilities[choice.theme] == top for choice, top in zip(policy, likeliest, strict=True))
    spread = math.sqrt(sum(p * (1 - p) for p in likeliest))
    assert abs(hits - sum(likeliest)) < 4 * spread


def test_random_slots_choose_uniformly(choices: list[Choice]) -> None:
    slots = [choice for choice in choices if choice.is_random and len(choice.probabilities) > 1]
    assert len(slots) > 300
    hits = sum(choice.probabilities[choice.theme] == max(choice.probabilities.values()) for choice in slots)
    even = [1 / len(choice.probabilities) for choice in slots]
    assert abs(hits - sum(even)) < 4 * math.sqrt(sum(p * (1 - p) for p in even))
