"""Transcripts to tokens and back."""

import itertools

import pytest

from avsync import text
from avsync.errors import TextError
from avsync.pronounce import UNITS, pronounce
from avsync.pronunciations import as_lexicon
from avsync.text import MAX_READINGS, Token, normalise


def said(transcript: str) -> list[list[str]]:
    return [[" ".join(reading) for reading in token.readings] for token in normalise(transcript)]


def unspoken(transcript: str) -> list[str]:
    return [token.text for token in normalise(transcript) if not token.readings]


def check(transcript: str) -> tuple[Token, ...]:
    """What must hold of any transcript: nothing is lost, and what is spoken can be pronounced."""
    tokens = normalise(transcript)
    assert " ".join(token.text for token in tokens) == " ".join(transcript.split())
    end = 0
    for token in tokens:
        begin = token.span[0]
        assert not transcript[end:begin].strip()
        end = token.span[1]
        assert token.text == " ".join(transcript[begin:end].split())
        assert len(token.readings) <= MAX_READINGS
        assert len(set(token.readings)) == len(token.readings)
        for reading in token.readings:
            assert reading
            for word in reading:
                assert word == word.lower()
                for phones in token.own.get(word) or pronounce(word):
                    assert phones
                    assert set(phones) <= set(UNITS[1:])
    assert not transcript[end:].strip()
    return tokens


TRANSCRIPTS = [
    "place blue at f two now",
    "  Dr. Smith   paid $5.50\n(plus tax) -- on Jan. 3rd, 2014 …",
    "“Hello,” – she said—it’s 10:30! [door slams] — and left",
    "[music] - Naïve café & co., e.g. me@example.com or http://a.b/c_d?e=f",
    "The BBC's MP3 & B2B: 50% of 1,250 -5° 1/2 ½ '90s 1990s rock 'n' roll",
    "AND I'M GONNA SAY NASA TWICE",
    "ANNA: Hello.\r\nDR. BOB (O.S.):\tGood -- (laughs) morning!\n\n>> SPEAKER 2: [door\nslams] so.",
    "- <i>Hello</i>\n- <v Anna Lee>Hi there</v> &amp; ♪ la la ♪ 😀 👍🏽 *sighs* ok (clears throat)",
    "On Dec 25th, he (6'2\", in 5G) lost $-5, not $100–200 or $5-10 million: 2/3rds of 1 1/2 MP3s, 50–60 mph",
    "a [b c (d [e] f g) h ] i [ j ( k ) l",
]


@pytest.mark.parametrize("transcript", TRANSCRIPTS)
def test_nothing_is_lost_and_all_can_be_pronounced(transcript: str) -> None:
    check(transcript)


NASTY_TEXT = """
a I O' 'n' n't 's '' ' ’ “ ” " "" - -- --- – — … ... . , ; : ! ? ?! ¿Qué? ¡so! ( ) () [] [ ] {} { } < >
<> << >> >>> / // \\ | _ __ * ** *** # ## & && % %% @ @@ + ++ = == ~ ^ ` $ £ € ¥ ¢ ° § ™ ® © ± × ÷ √ ∞ ≈
≤ ≥ µ Ω ½ ¼ ⅓ ⅔ ⅛ 1½ 2⅓ ² x² m³ 0 00 007 1 10 11 12 13 19 20 21 99 100 101 110 999 1000 1001 1100 1999
2000 2001 2009 2010 2024 9999 10000 1,000 1,00 1,000,000 12,34,567 1.5 .5 0.5 5. 1.2.3 1.2.3.4
192.168.0.1 1..2 1,2 1.000,50 -1 −1 –1 --1 +1 ±1 1- 1-2 1–2 1/2 0/0 1/0 3/4/5 31/12/1999 1999-12-31
99-99-99 2024-13-99 12.12.12 1.1.2024 10:30 1:2 1:02:03 25:61 00:00 24:00 10:30am 9am 9a.m. 9:00p.m. 1st
2nd 3rd 4th 11th 21st 100th 1,000th 1ST 0th 1990s 90s '90s 1990's 5s 0s $5 $5.00 $5.01 $.50 $0 $1 $1,000
$1.5M $5bn -$5 $-5 $5-$10 $5-10 US$5 £5m €5,50 5€ 5$ ¥100 ₹5 ₩5 ₽5 ₿1 50¢ 5% 5.5% 5%-6% 5kg 5km/h 5m²
5'10" 6' 6" 90° 5°C -40°F 5x 4x4 1080p 4K 5G 3D 3-D H2O CO2 MP3 PS5 B2B F-16 A4 i18n 747-400 24/7 9/11
7-Eleven COVID-19 X-ray T-shirt Wi-Fi e-mail 50-50 1-on-1 2x4 555-1234 (555) (555)555-1234 555.123.4567
+44 +1-800-555-1234 1-800-FLOWERS 911 #1 #hashtag @user user@host a.b@c.d.e me@example.co.uk http://
https://x http://x.y/z?a=b&c=d#e www.a.com a.com/b C:\\dir\\file.txt /usr/bin ~/x file.py a_b_c Dr. Mr.
Mrs. Ms. St. Jr. Sr. Inc. Ltd. No. vs. etc. e.g. i.e. a.m. p.m. U.S. U.S.A. Ph.D. M.D. D.C. A.I. Dr Mr
St. Jan. Sept. approx. don't won't can't y'all should've I'd've 'tis 'em 'cause o'clock ma'am rock'n'roll
dogs' Jones's O'Brien d'Artagnan l'État well-known mother-in-law twenty-one one-of-a-kind re-enter co-op
--so so-- so--what semi- -ism wait...what so.what BBC NASA USA US IT A.B.C AT&T R&D Q&A Ph.D MPs BBC's
iPhone YouTube McDonald JavaScript GitHub eBay LaTeX macOS XQZ qzx brrr hmm naïve café Łódź Ærøskøbing
Straße Dvořák Đặng ﬁsh ｆｕｌｌ
℃ № ℅ ① Ⅷ ⅷ ٣ ３ e\u0301 so\u00adft zero\u200bwidth \u200b \ufeff \u2060 😀 👍🏽
👩‍👩‍👧 🇬🇧 ♪ ♫ ★ → • · ‣ □ \x00 \x07 � � caf� Henry VIII II IV XL MIX CIVIC I. II. x X v V w/ w/o b/c c/o
n/a a/c and/or he/she C++ C# F# .NET node.js 3.js <b>x</b> </b> <br/> &amp; &lt; (laughs) (so) [so] {so}
"so" 'so' «so» „so“ (so (so so) [so so] *so* _so_ ~so~ `so` so. so, so; so: so! so? so… “so.” (so.) so.)
so™ ANNA: Anna: Q: A: 1: >>so -so so) so( NOTE: http: 10: x:y supercalifragilisticexpialidocious
aaaaaaaaaaaaaaaaaaaa
"""
NASTY = sorted({token for line in NASTY_TEXT.split("\n") for token in line.split(" ") if token.strip()})


@pytest.mark.parametrize("start", range(0, len(NASTY), 50))
def test_any_token_anywhere(start: int) -> None:
    """Each alone between words, at the edges, and doubled."""
    assert len(NASTY) > 400
    for token in NASTY[start : start + 50]:
        check(f"so {token} it")
        check(f"{token} so")
        check(f"so {token}")
        check(f"so\n{token} so\n{token}")
        check(f"SO {token} {token} IT")


def test_any_two_tokens_beside_each_other() -> None:
    for number, (first, second) in enumerate(itertools.product(NASTY, NASTY)):
        if number % 11 == 0:  # all pairs take minutes
            check(f"so {first} {second} it")


@pytest.mark.parametrize(
    "transcript",
    ["9" * 5000, "so " + "9" * 5000 + "th", "1/" + "9" * 5000, "$" + "9" * 5000, "0" * 5000 + "s", "a" * 5000,
     "A" * 5000, "a-" * 2000 + "a", "1.2" * 1000, "1:1" * 1000, "so " + "[" * 3000, "so " + "(" * 3000,
     "so " + "<" * 3000, "so " + "<v " * 3000, "$1 " * 1000, "a.b@" * 1000 + "c", "so " + "*" * 3000,
     "a: " * 1000,
     "A " * 3000 + ":", "(555)-" * 500 + "x"],
    ids=lambda text: f"{text[:12]}",
)  # fmt: skip
def test_long_ones_are_read_too(transcript: str) -> None:
    check(transcript)


def test_grid_sentence() -> None:
    assert said("place blue at F 2 now") == [["place"], ["blue"], ["at"], ["f"], ["two"], ["now"]]


def test_written_forms_in_a_sentence() -> None:
    """How what stands in several tokens is said as a whole."""
    for transcript, spoken in {
        "it costs $5-10 million now": "it costs five to ten million dollars now",
        "about US$5 million": "about u. s. five million dollars",
        "at 50–60 mph": "at fifty to sixty miles per hour",
        "on 25 Dec.": "on the twenty fifth of december",
        "on Dec 25th": "on december twenty fifth",
        "add 2 1/2 cups": "add two and a half cups",
        "he is 5' 9\" tall": "he is five foot nine tall",
        "No. 5, Jan 5-10": "number five january fifth to tenth",
    }.items():
        ways = itertools.product(*said(transcript))
        assert spoken in {" ".join(way) for way in ways}


def test_capitals_are_spelt_only_where_they_mean_something() -> None:
    assert said("an OCG prize")[1][0] == "o. c. g."
    assert said("PLACE BLUE NOW") == [["place"], ["blue"], ["now"]]
    assert said("in the US now")[2] == ["us", "u. s."]


# What is not spoken


@pytest.mark.parametrize(
    ("transcript", "marks"),
    [
        ("– so [music] … it", ["–", "[music]", "…"]),
        ("[door\n slams] so [x y].", ["[door slams]", "[x y]."]),
        (
            "so (laughs) it (audience laughs) is (clears throat)",
            ["(laughs)", "(audience laughs)", "(clears throat)"],
        ),
        ("so *sighs* it", ["*sighs*"]),
        ("so (plus tax) and (the music was great) yes", []),
        ("♪ la la ♪ 😀", ["♪", "♪", "😀"]),
        (">> so > it * is", [">>", ">", "*"]),
        ("hello[loud music] there", []),
    ],
)
def test_signs_and_notes_on_sounds(transcript: str, marks: list[str]) -> None:
    assert unspoken(transcript) == marks


def test_a_note_inside_a_token_is_not_said() -> None:
    assert said("hello[loud music] there") == [["hello"], ["there"]]
    assert said("<i>hello</i> <v Anna Lee>there") == [["hello"], ["there"]]


@pytest.mark.parametrize(
    ("transcript", "labels"),
    [
        ("ANNA: hello\nBOB: good morning", ["ANNA:", "BOB:"]),
        ("DR. SMITH (O.S.): hello", ["DR. SMITH (O.S.):"]),
        (">> ANNA: hello\n- BOB: hi", [">>", "ANNA:", "-", "BOB:"]),
        ("Speaker 1: hello", ["Speaker 1:"]),
        ("Anna: hello\nBob: hi\nAnna: so\nBob: yes", ["Anna:", "Bob:", "Anna:", "Bob:"]),
        ("Anna: hello\nand so", []),  # once only: it may be said
        ("Remember: never do that", []),
        ("so ANNA: hello", []),
        ("at 10:30 it was", []),
        ("Q: why?\nA: so.", ["Q:", "A:"]),
        ("АННА: hello", ["АННА:"]),
        ("[ANNA]: hello", ["[ANNA]:"]),
    ],
)
def test_labels_of_speakers(transcript: str, labels: list[str]) -> None:
    assert unspoken(transcript) == labels


@pytest.mark.parametrize(
    "transcript", ["", " \n\t", "—", "...", "[music]", "™", "ANNA: ", "(laughs) – 😀", ">>"]
)
def test_nothing_to_say_is_an_error(transcript: str) -> None:
    with pytest.raises(TextError, match="Give the words that are spoken"):
        normalise(transcript)


# Other scripts and lexicons


@pytest.mark.parametrize(
    ("transcript", "message"),
    [
        ("say привет", r"Line 1 .* 'п' \(U\+043F CYRILLIC SMALL LETTER PE\) in 'привет'"),
        ("so\nit 你好", r"Line 2 .* '你' \(U\+4F60 CJK"),
        ("é\n\nα", r"Line 3 .* 'α' \(U\+03B1 GREEK SMALL LETTER ALPHA\)"),
        ("naiv-привет", r"Say how 'привет' sounds in a lexicon \(--lexicon FILE, lexicon= in Python\)"),
        ("שלום", "HEBREW"),
        ("नमस्ते", "DEVANAGARI"),
    ],
)
def test_other_scripts_are_named_with_their_line_and_a_way_out(transcript: str, message: str) -> None:
    with pytest.raises(TextError, match=message):
        normalise(transcript)


def test_lines_are_counted_for_a_message_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting them for every token made long transcripts take a time that grew with the square."""
    counted: list[int] = []
    monkeypatch.setattr(text, "_line", lambda transcript, position: counted.append(position) or 7)
    normalise("so it\nwas 5\n" * 3 + "é")
    assert counted == []
    with pytest.raises(TextError, match="Line 7 "):
        normalise("so\nпривет")
    assert counted == [3]


def test_words_of_a_lexicon_are_said_as_it_says() -> None:
    own = as_lexicon(
        {
            "привет": "P R IH V Y EH T",
            "Kyiv": ["K IY IH V", "K IY V"],
            "B2B": "B IY",
            "gif": "JH IH F",
            "你好": "N IY",
        }
    )
    tokens = normalise("«Привет»! Kyiv, KYIV's B2B gif-привет, 你好。 so", own)
    assert [token.readings[0] for token in tokens] == [
        ("привет",), ("kyiv",), ("kyiv's",), ("b2b",), ("gif", "привет"), ("你好",), ("so",),
    ]  # fmt: skip
    assert tokens[2].own == {"kyiv's": (("k", "iy", "ih", "v", "z"), ("k", "iy", "v", "z"))}
    assert tokens[0].own == {"привет": (("p", "r", "ih", "v", "y", "eh", "t"),)}
    assert tokens[1].own["kyiv"] == (("k", "iy", "ih", "v"), ("k", "iy", "v"))
    assert set(tokens[4].own) == {"gif", "привет"}
    assert tokens[6].own == {}
