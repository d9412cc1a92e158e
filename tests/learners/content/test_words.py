"""Words of a dozen scripts: what is one word meets itself, what is another does not."""

import unicodedata

import numpy as np
import pytest

from learners import About, Content, Query
from learners.content.words import composed, fold, words

NOTHING = np.empty(0, np.int32)


def plain(text: str) -> list[str]:
    return [word for word, _ in words(text)]


@pytest.mark.parametrize(
    ("likes", "alike", "unlike"),
    [
        ("绿茶", "红茶", "木炭"),  # Han: green tea, black tea, charcoal
        ("緑茶の葉", "紅茶の葉", "すみ"),  # Japanese
        ("コーヒー豆", "アイスコーヒー", "テレビ"),  # kana alone
        ("녹차 가루", "녹차", "숯"),  # Hangul
        ("ชาเขียว", "ชาดำ", "ถ่านหิน"),  # Thai
        ("ຊາຂຽວ", "ຊາດໍາ", "ຖ່ານ"),  # Lao
        ("តែបៃតង", "តែខ្មៅ", "ធ្យូង"),  # Khmer
        ("လက်ဖက်စိမ်း", "လက်ဖက်ရည်", "မီးသွေး"),  # Myanmar
        ("हरी चाय", "काली चाय", "कोयला"),  # Devanagari
        ("সবুজ চা", "কালো চা", "কয়লা"),  # Bengali
        ("பச்சை தேநீர்", "கருப்பு தேநீர்", "நிலக்கரி"),  # Tamil
        ("شاي أخضر", "شَايٌ أسود", "فحم"),  # Arabic, with and without vowel points
        ("תה ירוק", "תֵּה שחור", "פחם"),  # Hebrew, with and without points
        ("зелёный чай", "чай зеленый", "уголь"),  # Cyrillic
        ("πράσινο τσάι", "ΤΣΑΪ μαύρο", "άνθρακας"),  # Greek: capitals are written without accents
        ("chè xanh", "chè đen", "than"),  # Latin with tone marks
        ("green tea", "black tea", "coal"),
    ],
)
def test_like_titles_meet_in_every_script(likes: str, alike: str, unlike: str) -> None:
    content = Content()
    for item, title in enumerate((likes, unlike, alike)):
        content.add_item(item)
        content.describe(item, About(title=title))
    query = Query(np.array([0], np.int32), 0.0, NOTHING)
    items, scores = content.top_k(query, 5, np.array([2, 0, 0], np.uint8))
    assert items[0] == 2
    assert scores[0] > 0
    assert content.score_many(query, np.array([1], np.int32)).tolist() == [0.0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Café", "cafe"), ("ﬁne ｇｒｅｅｎ", "fine green"), ("Straße", "STRASSE"), ("İstanbul", "istanbul"),
        ("IŞIK", "ışık"), ("Ёж", "еж"), ("smørrebrød", "smorrebrod"), ("ｱｲｽ", "アイス"), ("soft\u00adware", "software"),
        ("می\u200cخواهم", "میخواهم"), ("كتــاب", "كتاب"), ("각", "각"), ("ガ", "カ\u3099"), ("ΌΜΩΣ", "όμως"),
    ],
)  # fmt: skip
def test_spellings_of_a_word_meet(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize("text", ["Café", "हिन्दी", "각", "שָׁלוֹם", "Việt", "ガラス", "ชาดำ", "ё й"])
def test_the_unicode_form_does_not_matter(text: str) -> None:
    forms = {tuple(words(unicodedata.normalize(form, text))) for form in ("NFC", "NFD", "NFKC", "NFKD")}
    assert len(forms) == 1
    assert len({composed(unicodedata.normalize(form, text)) for form in ("NFC", "NFD")}) == 1


@pytest.mark.parametrize(("one", "other"), [("й", "и"), ("कि", "की"), ("が", "か"), ("ปลา", "ปลี")])
def test_marks_that_make_another_word_stay(one: str, other: str) -> None:
    assert set(words(one)).isdisjoint(words(other)) or plain(one) != plain(other)


def test_vowel_signs_do_not_cut_a_word() -> None:
    assert plain("हिन्दी বাংলা தமிழ் ਪੰਜਾਬੀ") == ["हिन्दी", "বাংলা", "தமிழ்", "ਪੰਜਾਬੀ"]


def test_english_is_cut_as_ever() -> None:
    assert plain("Don't look_up: R2-D2, 10kg (1999)!") == ["don", "t", "look_up", "r2", "d2", "10kg", "1999"]
    assert {weight for _, weight in words("One Flew Over the Cuckoo's Nest")} == {1.0}


def test_a_single_sign_weighs_less_than_the_pair_it_is_in() -> None:
    assert dict(words("绿茶")) == {"绿": 0.5, "茶": 0.5, "绿茶": 1.0}
    assert list(words("茶")) == [("茶", 1.0)]


def test_scripts_in_one_run_are_told_apart() -> None:
    assert plain("x2绿茶 USBケーブル") == ["x2", "绿", "茶", "绿茶", "usb", "ケー", "ーブ", "ブル"]


@pytest.mark.parametrize("text", ["", " ", "\u200b", "!?…", "\u0301\u0301", "🍵🍵", "\x00"])
def test_a_text_without_words_has_none(text: str) -> None:
    assert [word for word in plain(text) if word.strip() == ""] == []
