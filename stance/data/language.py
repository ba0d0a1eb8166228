"""Whether a text is English, which is what a model trained on English can read."""

from __future__ import annotations

import re

_ENGLISH = """
    a about after all also and any are as at be been before but by can could for from had has have he his how if in is
    it its may more must not of on our says should than that the their them these they this to us was we were what
    when which who will with would you
"""
#: Of German, French, Spanish, Portuguese, Italian, Dutch, Swedish, Danish, Norwegian, Polish, Czech, Romanian,
#: Hungarian, Finnish, Turkish and Indonesian, rare in English; words with other letters than a to z need no list.
_OTHERS = """
    der die das und ist nicht mit dem den ein eine einen von auf sich auch wird werden im zu zur zum des bei nach gegen
    aus neue neuer le la les et est une un dans que qui pas pour sur au aux du ne il nous avec ce cette tout toute sont
    par en de el los las del por para es su con se lo al como una fue ha os da em um uma com na ao foi di che per non
    della sono gli dei delle alla nel het een van niet dat zijn voor op te aan ook wordt och att det som av inte till
    har ett og er af ikke til jeg nie jest ve pro si cu nu pe az hogy nem egy ja ei ovat bir bu ile yang dan untuk
    dengan ini tidak dari
"""
_FREQUENT, _FREQUENT_ELSEWHERE = frozenset(_ENGLISH.split()), frozenset(_OTHERS.split())
_OTHER_LETTER = re.compile(r"[^\W\d_a-z]")


def is_foreign(text: str) -> bool:
    """Tell whether a text is not English.

    Either most of its letters are of another script than Latin, or words of other languages outnumber frequent English
    ones by two or more, and are an eighth of all. Of a short text, or of a language that is not listed, too little is
    known: it passes for English.

    >>> [is_foreign(text) for text in ("Das lehnt die Regierung ab.", "Москва против", "NATO lehnt ab")]
    [True, True, False]
    """
    words = set(text.casefold().split())
    n_others = len(words & _FREQUENT_ELSEWHERE)
    if not text.isascii():
        letters = [letter for letter in text if letter.isalpha()]
        if 2 * sum(letter > "\u024f" for letter in letters) > len(letters):
            return True
        n_others += sum(_OTHER_LETTER.search(word) is not None for word in words)
    return n_others >= len(words & _FREQUENT) + 2 and 8 * n_others >= len(words)


def foreign_note(n: int, total: int) -> str:
    """Return what is to be said of texts that are not English."""
    return f"{n} of {total} texts seem not to be English: a model that learnt English calls most of them 'none', unread"
