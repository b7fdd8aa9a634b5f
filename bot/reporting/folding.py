"""Text as a reader's eye takes it: tricks with invisible, decorated and look-alike characters undone."""

from __future__ import annotations

import re
import unicodedata

# Zero-width and joining characters, soft hyphen, bidi controls, variation selectors, fillers, tags (Unicode 15, Cf and friends).
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
DECORATED = re.compile("[\U0001d400-\U0001d7ff\uff21-\uff5a\u24b6-\u24e9\U0001f130-\U0001f189]")

# Letters of other scripts that look like Latin ones (the subset of Unicode TR 39 that mail fraud uses).
_LOOKALIKES = str.maketrans(
    "аасԁеҽһіјӏкӄԛмпоорԗѕѵԝхуʏүЬАВСЕНІЈКМОРЅТХУҮΑΒΕΖΗΙΚΜΝΟΡΤΥΧαγινορτυχϲϳɑɡɩıʟɴʀꜱᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢƖǀ",
    "aacdeehijlkkqmnoopqsvwxyyybABCEHIJKMOPSTXYYABEZHIKMNOPTYXayivoptuxcjagiilnrsacdejkmoptuvwzll",
)
_SPACES = re.compile(r"[^\S\n]+")


def visible(text: str) -> str:
    """Text without invisible characters."""
    return text if text.isascii() else INVISIBLE.sub("", text)


def fold(text: str) -> str:
    """Lower case, compatibility forms and look-alikes as plain Latin letters, no accents, single spaces."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", INVISIBLE.sub("", text)).translate(_LOOKALIKES)
        text = "".join(
            c for c in unicodedata.normalize("NFKD", text.replace("ß", "ss")) if not unicodedata.combining(c)
        )
    return _SPACES.sub(" ", text.casefold()).strip()


def mixed_scripts(word: str) -> bool:
    """A word that mixes Latin with Cyrillic or Greek letters."""
    if word.isascii():
        return False
    scripts = {unicodedata.name(char, "").split(" ")[0] for char in word if char.isalpha()}
    return "LATIN" in scripts and bool(scripts & {"CYRILLIC", "GREEK"})


def skeleton(name: str) -> str:
    """What a domain label looks like: `rn` as m, digits as the letters they imitate. Two names of one skeleton look alike."""
    plain = fold(name)
    for shown, meant in (("rn", "m"), ("vv", "w"), ("cl", "d")):
        plain = plain.replace(shown, meant)
    return plain.translate(str.maketrans("01358$@|", "olesbsal")).replace("i", "l")


def near(left: str, right: str, limit: int = 1) -> bool:
    """Whether two words are at most `limit` typing slips apart (insert, drop, change, swap of neighbours)."""
    if abs(len(left) - len(right)) > limit:
        return False
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        older, before, row = before, row, [i]
        for j, b in enumerate(right, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return False
    return row[-1] <= limit
