"""Titles of notifications by language and occasion.

A language is an entry here; it needs every occasion, and as many variants of each as English has. ``{name}`` stands for
the name of the journey, or of the interest. Texts are short, so that a name has room, and say nothing of the user.

The occasions are the intents of a journey (``exploring``: starting, ``deciding``, ``acting``: about to act),
``interest`` for the interest arm, and ``generic`` where nothing may be named.
"""

from __future__ import annotations

from collections.abc import Mapping

OCCASIONS = ("exploring", "deciding", "acting", "interest", "generic")

TEMPLATES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "exploring": ("First ideas: {name}", "Explore more: {name}"),
        "deciding": ("More to choose from: {name}", "Compare ideas: {name}"),
        "acting": ("Ready for the next step? {name}", "All you need: {name}"),
        "interest": ("More of what you like: {name}", "Popular now: {name}"),
        "generic": ("Fresh ideas picked for you", "New ideas are waiting for you"),
    },
    "de": {
        "exploring": ("Erste Ideen: {name}", "Mehr entdecken: {name}"),
        "deciding": ("Mehr zur Auswahl: {name}", "Ideen vergleichen: {name}"),
        "acting": ("Bereit für den nächsten Schritt? {name}", "Alles, was du brauchst: {name}"),
        "interest": ("Mehr davon, was dir gefällt: {name}", "Gerade beliebt: {name}"),
        "generic": ("Neue Ideen für dich", "Es gibt neue Ideen für dich"),
    },
    "fr": {
        "exploring": ("Premières idées : {name}", "À découvrir : {name}"),
        "deciding": ("Plus de choix : {name}", "Comparez les idées : {name}"),
        "acting": ("Prêt pour la suite ? {name}", "Tout ce qu’il faut : {name}"),
        "interest": ("Encore plus de ce que vous aimez : {name}", "Populaire en ce moment : {name}"),
        "generic": ("De nouvelles idées pour vous", "De nouvelles idées vous attendent"),
    },
    "es": {
        "exploring": ("Primeras ideas: {name}", "Descubre más: {name}"),
        "deciding": ("Más para elegir: {name}", "Compara ideas: {name}"),
        "acting": ("¿Todo listo para el siguiente paso? {name}", "Todo lo que necesitas: {name}"),
        "interest": ("Más de lo que te gusta: {name}", "Popular ahora: {name}"),
        "generic": ("Nuevas ideas para ti", "Te esperan nuevas ideas"),
    },
    "it": {
        "exploring": ("Prime idee: {name}", "Scopri di più: {name}"),
        "deciding": ("Altre idee tra cui scegliere: {name}", "Confronta le idee: {name}"),
        "acting": ("È il momento del prossimo passo? {name}", "Tutto ciò che serve: {name}"),
        "interest": ("Altro che ti piace: {name}", "Di tendenza ora: {name}"),
        "generic": ("Nuove idee per te", "Ti aspettano nuove idee"),
    },
    "pt": {
        "exploring": ("Primeiras ideias: {name}", "Descubra mais: {name}"),
        "deciding": ("Mais para escolher: {name}", "Compare ideias: {name}"),
        "acting": ("Tudo pronto para o próximo passo? {name}", "Tudo o que é preciso: {name}"),
        "interest": ("Mais do que você gosta: {name}", "Popular agora: {name}"),
        "generic": ("Novas ideias para você", "Há novas ideias à sua espera"),
    },
    "nl": {
        "exploring": ("Eerste ideeën: {name}", "Ontdek meer: {name}"),
        "deciding": ("Meer om uit te kiezen: {name}", "Vergelijk ideeën: {name}"),
        "acting": ("Klaar voor de volgende stap? {name}", "Alles wat je nodig hebt: {name}"),
        "interest": ("Meer van wat je leuk vindt: {name}", "Nu populair: {name}"),
        "generic": ("Nieuwe ideeën voor jou", "Er zijn nieuwe ideeën voor je"),
    },
    "ja": {
        "exploring": ("はじめてのアイデア：{name}", "もっと見る：{name}"),
        "deciding": ("選べるアイデア：{name}", "アイデアを比べる：{name}"),
        "acting": ("次のステップへ：{name}", "必要なものがそろう：{name}"),
        "interest": ("お好みのアイデア：{name}", "いま人気：{name}"),
        "generic": ("あなたへの新しいアイデア", "新しいアイデアが届いています"),
    },
}
"""By language, as the first part of a locale or a whole locale (``pt-br``); then by occasion: its variants."""
