"""Words that cannot stand alone in a name, in English and the larger languages of Europe, and particles of Asian ones.

They are lists, because the log of one user is too small to learn them from. Spelled as in keywords (``normalise``).
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTION_WORDS = _words(
    "a an the and or but nor of for with without to from in on at by as per via vs into onto over under up out off "
    "about after before between than then that this these those is are was were be been do does did can could will "
    "would should may might must has have had not no yes if so how what when where which who why whose it its i me "
    "my we our us you your he his him she her they them their there here all any some each every more most very too "
    "also just only s t der die das den dem des ein eine einen einem einer eines und oder aber von vom zu zum zur "
    "für mit ohne bei beim aus auf am im ist sind war nicht kein keine wie wo wer ich du er sie es wir ihr nach "
    "über unter um le la les l un une de d et ou mais pour avec sans dans sur sous par chez en au aux ce cette ces "
    "est sont que qui quoi je tu il elle nous vous ils mon ma mes ton ta tes son sa ses pas ne plus à el los las lo "
    "unos unas y o pero del al con sin por para como su sus mi se más gli uno una e ed di della dei delle da dal "
    "dalla nel nella tra fra è sono non che come os uma dos na nos nas em ao aos com sem mas não é são het een maar "
    "van voor met zonder op te bij naar uit zijn niet geen hoe wat waar ik wij och eller men av till från för på "
    "med utan är ett som det hur og til uten ve veya ile için bir bu şu oraz lub ale z ze w od dla po przez bez "
    "jest są nie jak co "
    "の を に が は へ と も で や 的 了 在 和 是 与 及 и или но а в во на с со к ко из от до для по за без под "
    "над о об не что как это "
)
"""No phrase begins or ends with one of these."""

BARE_WORDS = _words(
    "cm mm m km kg g mg l ml oz lb lbs ft inch inches in pcs pc pack packs set sets pair pairs piece pieces size "
    "small medium large big mini tiny huge extra xl xxl xs long short tall wide new old best good cheap great top "
    "free nice first second one two three four five six seven eight nine ten red blue green yellow pink white black "
    "grey gray brown purple orange beige navy ivory cream gold golden silver turquoise violet teal coloured colored "
    "colour color light dark rot blau grün gelb rosa weiß schwarz grau braun lila klein groß neu alt rouge bleu "
    "vert jaune rose blanc noir gris petit grand nouveau rojo azul verde amarillo blanco negro pequeño grande nuevo "
    "rosso blu giallo bianco nero grigio piccolo nuovo vermelho branco preto pequeno novo "
)
"""Words that say how much, how large, which colour or how good, but not what. No phrase consists of these only."""
