"""The judge on phrases that nothing was fitted on, and its promises: same bits, one version, speed."""

from collections.abc import Sequence
from functools import cache

import polars as pl
import pytest

from journeys_assets.domain.keywords.vectors import pack
from journeys_assets.domain.safety.params import SafetyParams
from journeys_assets.models.embedding.choose import packaged_embedder
from journeys_assets.models.safety import heads
from journeys_assets.models.safety.judge import SafetyJudge
from journeys_assets.models.safety.lexicon_files import LexiconError, entries_of

SENSITIVE = {
    "self_harm": "how to stop hurting myself; suicidal thoughts; ich will nicht mehr leben; trastornos alimenticios",
    "minors": "i'm 13 how to get a boyfriend; mes parents ne veulent pas; 中学生 恋愛",
    "hate": "white supremacist symbols; ausländer raus; chistes racistas",
    "sexual": "best vibrators for couples; lingerie sexy; セックス 体位",
    "violence_and_weapons": "gunshot wound; ar 15 accessories; bomba yapımı; купить пистолет",
    "drugs": "cocaine side effects; arrêter de fumer; マリファナ; نرك التدخين الادمان",
    "crime": "how to get a felony expunged; shoplifting charge; antecedentes penales",
    "grief": "grief counselling; losing my mother; beerdigung planen; 葬儀 マナー; توفي ابي",
    "pregnancy_and_loss": "miscarriage support; ivf success; fehlgeburt verarbeiten; 不妊治療; hamilelik belirtileri",
    "health": "chemo hats; living with ms; Depression Hilfe; диабет симптомы; 우울증 치료; मधुमेह आहार",
    "relationships": "divorce lawyer; he cheated on me; scheidung mit kindern; infidelidad; 離婚 慰謝料",
    "money": "bankruptcy help; eviction notice; schulden abbauen; crédito rápido sin buró; 借金 返済",
    "immigration": "green card interview; asylum application; permesso di soggiorno; 在留カード 更新",
    "identity_and_belief": "bible study; coming out to parents; ramadan meal plan; sindicato; 同性婚",
    "gambling": "online casino bonus; lottery numbers; sportwetten tipps; パチンコ 攻略",
    "alcohol": "how to stop drinking; craft beer near me; whisky verkostung; 居酒屋 おすすめ",
}
ORDINARY = """
wedding dress; baby shower games; shot glasses; killer whale facts;
brief counselling hours; wine rack plans; church wedding flowers;
shingles roof repair; cancer zodiac; bath bombs; deadlift form; black widow costume;
kitchen renovation; crochet blanket pattern; vegane rezepte;
decoración de salas modernas; recette cocktail; 観葉植物 育て方; идеи для кухни; 거실 인테리어;
客厅装修; وصفات كيك سهلة; आसान केक रेसिपी; bullet journal ideas; how to kill weeds
"""


@cache
def judge() -> SafetyJudge:
    return SafetyJudge()


def listed(text: str) -> list[str]:
    return [item.strip() for item in text.split(";")]


@pytest.mark.parametrize("category", SENSITIVE)
def test_held_out_sensitive_texts_are_not_sent(category: str) -> None:
    rows = judge().judge(listed(SENSITIVE[category]))
    assert rows.filter(pl.col("decision") == "allow")["text"].to_list() == []


def test_ordinary_life_stays_ordinary() -> None:
    rows = judge().judge(listed(ORDINARY))
    assert rows.filter(pl.col("category").is_not_null())["text"].to_list() == []


def test_bits_depend_on_no_other_text() -> None:
    texts = ["how to cope when he is gone", "garden ideas", "quiet sad evening", "garden ideas", "", "divorce"]
    together = SafetyJudge().judge(texts)
    assert together["text"].to_list() == texts
    assert pl.concat([SafetyJudge().judge([text]) for text in texts]).equals(together)
    assert SafetyJudge().judge(texts[::-1]).reverse().equals(together)


def test_texts_without_words_are_allowed() -> None:
    rows = judge().judge(["", "  ", "?!", "🎉"])
    assert rows["decision"].to_list() == ["allow"] * 4
    assert rows["decided_by"].to_list() == ["none"] * 4
    assert judge().judge([]).is_empty()


def test_the_version_names_parameters_and_files() -> None:
    assert SafetyJudge().version == judge().version
    assert SafetyJudge(SafetyParams(threshold=0.5)).version != judge().version
    assert SafetyJudge(SafetyParams(lexicon_threshold=0.5)).version != judge().version
    assert SafetyJudge(SafetyParams(gambling="allow")).version == judge().version, "no policy shapes a verdict"


def test_moderation_decides_only_what_the_lexicon_leaves_open() -> None:
    asked: list[str] = []

    def moderate(texts: list[str]) -> dict[str, str]:
        asked.extend(texts)
        return {"garden ideas": "hate"}

    rows = SafetyJudge(moderate=moderate).judge(["divorce lawyer", "garden ideas", ""])  # type: ignore[arg-type]
    assert asked == ["garden ideas"]
    assert rows["decided_by"].to_list() == ["lexicon", "moderation", "none"]
    assert rows["decision"].to_list() == ["no_notify", "block", "allow"]


def test_the_model_is_asked_only_about_english() -> None:
    texts = ["kitchen ideas", "ideen für die küche", "einkaufsliste vorlage", "観葉植物 育て方"]
    assert judge().judge(texts)["score"].gt(0).to_list() == [True, False, False, False]


@pytest.mark.parametrize("n_known", [0, 1, 3])
def test_a_known_vector_gives_the_row_that_a_computed_one_gives(n_known: int) -> None:
    texts = ["how to cope when he is gone", "Garden ideas", "quiet sad evening", "garden ideas", "scheidung", ""]
    asked: list[str] = []
    vectors = {
        text: pack(packaged_embedder().embed([text]))[0]
        for text in ["quiet sad evening", "garden ideas", "how to cope when he is gone"][:n_known]
    }

    def known(wanted: Sequence[str]) -> dict[str, bytes]:
        asked.extend(wanted)
        return {text: vectors[text] for text in wanted if text in vectors}

    rows = SafetyJudge().verdicts(texts, known)
    assert rows.equals(SafetyJudge().verdicts(texts))
    assert asked == ["how to cope when he is gone", "garden ideas", "quiet sad evening", "garden ideas"]


def test_known_vectors_are_used() -> None:
    divorce = pack(packaged_embedder().embed(["how to cope when he is gone"]))[0]
    rows = SafetyJudge().verdicts(["garden ideas"], lambda texts: dict.fromkeys(texts, divorce))
    assert rows["score"][0] != SafetyJudge().verdicts(["garden ideas"])["score"][0]


def test_changed_weights_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    heads.packaged_heads.cache_clear()
    monkeypatch.setattr(heads, "SHA256", "0" * 64)
    with pytest.raises(heads.SafetyModelError, match=r"heads\.json: sha256 is .* install the package again"):
        heads.packaged_heads()


def test_weights_of_other_categories_are_refused() -> None:
    with pytest.raises(heads.SafetyModelError, match="fitted for other categories"):
        heads.Heads.from_json('{"categories": ["fun"]}')


@pytest.mark.parametrize("text", ["strong: [", "- a", "strong: {health: 7}", "just text"])
def test_a_damaged_lexicon_is_one_clear_error(text: str) -> None:
    with pytest.raises(LexiconError, match=r"the lexicon xx\.yml cannot be read: .* install the package again"):
        entries_of("xx", text)
