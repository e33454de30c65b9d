"""The noise of each language of a world, written by itself and not translated; English is in ``noise``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from journeys_assets.synthetic import noise


@dataclass(frozen=True, slots=True)
class Noise:
    """Texts that belong to no journey; as in ``noise``."""

    navigational: tuple[str, ...]
    one_off: tuple[str, ...]
    generic: tuple[str, ...]
    catch_all_boards: tuple[str, ...]
    off_topic_interests: tuple[str, ...]


GERMAN = Noise(
    navigational=(
        "facebook login", "youtube", "amazon", "gmx postfach", "google maps", "netflix", "rewe angebote", "instagram",
        "ikea", "lidl prospekt", "otto", "obi öffnungszeiten", "whatsapp web", "ebay kleinanzeigen", "spotify",
        "tiktok", "paypal login", "dhl sendungsverfolgung", "zara", "check24",
    ),
    one_off=(
        "wetter morgen", "wie hoch ist der kölner dom", "lustige katzenvideos", "helene fischer",
        "wer hat gestern gewonnen", "hauptstadt von australien", "tassen in gramm umrechnen", "traurige sprüche",
        "süße hunde", "handy hintergrund", "warum ist der himmel blau", "guten morgen bilder", "lottozahlen samstag",
        "vorwahl 0221", "kinoprogramm heute", "kalorien banane", "songtext", "wie alt ist thomas gottschalk",
        "optische täuschung", "deine mutter witze", "sonnenfinsternis", "drucker druckt nicht", "bundesliga tabelle",
        "pokemon", "elsa eiskönigin", "minecraft skins", "periodensystem", "weltkarte", "römische zahlen",
        "montag motivation", "wann ist ostern", "fahrrad gebraucht", "erdbeben heute", "sternzeichen datum", "gta 6",
        "minions", "spinne bestimmen", "ölwechsel kosten", "tageshoroskop", "router passwort vergessen",
        "db fahrplan", "steuererklärung frist", "tatort heute", "altes ägypten", "sonnenuntergang bilder",
        "regenbogen", "kreuzworträtsel lösung", "was heißt hallo auf italienisch", "fernbedienung weg", "bmi rechner",
        "schneeleopard", "krawatte binden", "flagge brasilien", "titanic", "asdfgh", "test", "🙂", "1",
        "wie viele wochen hat ein jahr", "dinosaurier", "neumond", "peppa wutz", "flachwitze", "postleitzahl münchen",
        "kfz versicherung vergleich",
    ),
    generic=(
        "ideen", "diy", "bilder", "inspiration", "ästhetisch", "tipps", "einfach", "süß", "design", "anleitung",
        "selber machen", "schön", "kreativ", "was tun",
    ),
    catch_all_boards=("Meine Sachen", "Alles Mögliche", "Gemerkt", "Ideen", "Gefällt mir", "Sonstiges"),
    off_topic_interests=("unterhaltung", "humor", "sprüche", "promis", "nachrichten"),
)  # fmt: skip

JAPANESE = Noise(
    navigational=(
        "facebook ログイン", "youtube", "アマゾン", "gmail", "グーグルマップ", "ネトフリ", "イオン チラシ",
        "インスタ", "ikea", "楽天", "ヤフオク", "カインズ 営業時間", "line pc", "メルカリ", "spotify", "tiktok",
        "paypay ログイン", "ヤマト 追跡", "zara", "ヤフー",
    ),
    one_off=(
        "明日の天気", "東京タワー 高さ", "猫 おもしろ 動画", "星野源", "昨日の試合結果", "オーストラリア 首都",
        "カップ グラム 換算", "泣ける 名言", "犬 かわいい", "待ち受け 金運", "空 なぜ青い", "おはよう 画像",
        "宝くじ 当選番号", "市外局番 06", "映画館 上映時間", "バナナ カロリー", "歌詞", "明石家さんま 年齢",
        "だまし絵", "なぞなぞ 難しい", "皆既月食 いつ", "プリンター 印刷できない", "大谷 速報", "ポケモン",
        "アナ雪", "マイクラ スキン", "元素周期表", "世界地図", "ローマ数字", "月曜日 行きたくない", "祝日 いつ",
        "自転車 中古", "地震 今", "星座 誕生日", "gta 6", "ミニオン", "蜘蛛 種類 家", "オイル交換 近く",
        "今日の運勢", "wifi パスワード 忘れた", "乗換案内", "確定申告 いつまで", "紅白 出場者", "サメ 事故",
        "エジプト ピラミッド", "夕焼け 写真", "虹", "数独 答え", "こんにちは 英語", "リモコン なくした", "bmi 計算",
        "ユキヒョウ", "ネクタイ 結び方", "ブラジル 国旗", "タイタニック", "ああああ", "テスト", "🙂", "1",
        "一年 何週間", "恐竜", "新月 いつ", "しまじろう", "ダジャレ", "郵便番号 検索", "自動車保険 見積もり",
    ),
    generic=(
        "アイデア", "diy", "画像", "参考", "おしゃれ", "コツ", "簡単", "かわいい", "デザイン", "やり方", "手作り",
        "きれい", "すてき", "まとめ",
    ),
    catch_all_boards=("いろいろ", "とりあえず保存", "保存", "アイデア", "好きなもの", "その他"),
    off_topic_interests=("エンタメ", "お笑い", "名言", "芸能人", "ニュース"),
)  # fmt: skip

NOISE: Mapping[str, Noise] = {
    "en": Noise(noise.NAVIGATIONAL, noise.ONE_OFF, noise.GENERIC, noise.CATCH_ALL_BOARDS, noise.OFF_TOPIC_INTERESTS),
    "de": GERMAN,
    "ja": JAPANESE,
}
"""By language."""
