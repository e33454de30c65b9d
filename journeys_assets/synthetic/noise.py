"""Texts that belong to no journey: navigational and one-off searches, generic words, and searches of bots."""

from __future__ import annotations

NAVIGATIONAL: tuple[str, ...] = (
    "facebook login", "youtube", "amazon", "gmail", "google maps", "netflix", "walmart near me", "instagram", "ikea",
    "target", "etsy", "home depot hours", "whatsapp web", "ebay", "spotify", "tiktok", "paypal login", "usps tracking",
    "zara", "costco",
)  # fmt: skip

ONE_OFF: tuple[str, ...] = (
    "weather tomorrow", "how tall is the eiffel tower", "funny cat memes", "taylor swift",
    "who won the game last night",
    "capital of australia", "convert cups to grams", "sad quotes", "cute dogs", "iphone wallpaper", "harry styles",
    "why is the sky blue", "good morning images", "lottery numbers", "phone number lookup", "movie times",
    "calories in a banana", "lyrics", "how old is tom hanks", "random facts", "optical illusions", "knock knock jokes",
    "solar eclipse", "printer not working", "ronaldo", "pokemon", "frozen elsa", "minecraft skins", "periodic table",
    "world map", "roman numerals", "stranger things", "monday motivation", "what day is easter", "bike for sale",
    "earthquake", "zodiac signs dates", "gta 6", "minions", "grumpy cat", "spider identification", "oil change near me",
    "horoscope", "baby yoda", "reset wifi password", "train timetable", "blackpink", "taxes deadline", "super bowl",
    "shark attack", "ancient egypt", "sunset pictures", "rainbow", "is it friday the 13th", "kim kardashian",
    "crossword answer", "translate hello", "lost tv remote", "bmi", "snow leopard", "unblocked games", "marvel order",
    "how to tie a tie", "what is love", "flag of brazil", "titanic", "asdfgh", "test", "🙂", "1",
    "how many weeks in a year",
    "dinosaurs", "new moon", "peppa pig", "desktop background blue", "mom jokes", "zip code", "car insurance quote",
)  # fmt: skip

GENERIC: tuple[str, ...] = (
    "ideas", "diy", "pictures", "inspiration", "aesthetic", "tips", "easy", "cute", "design", "tutorial", "how to",
    "beautiful", "creative", "things to do",
)  # fmt: skip
"""Generic annotations of many pins of all themes; earlier ones are more frequent."""

CATCH_ALL_BOARDS: tuple[str, ...] = ("My stuff", "Random", "Saved", "Ideas", "Stuff I like", "misc")

OFF_TOPIC_INTERESTS: tuple[str, ...] = ("entertainment", "humor", "quotes", "celebrities", "news")

BOT_SUBJECTS: tuple[str, ...] = (
    "buy followers cheap", "wholesale price list", "seo backlinks", "replica watches", "casino bonus", "free gift card",
    "image dump", "vpn coupon", "crypto signal",
)  # fmt: skip
