"""Whether a text is English, which is what a model trained on English can read."""

from __future__ import annotations

import re

_FREQUENT = frozenset(
    str.split("""
    a about after all also and any are as at be been but by can could for from had has have he his if in is it its may
    more must not of on our says should than that the their them they this to us was we were what when which who will
    with would you
""")
)
#: Frequent words of sixteen other languages in Latin letters; one with other letters than a to z needs no list.
_FREQUENT_ELSEWHERE = frozenset(
    str.split("""
    der die das und ist nicht mit dem den ein eine einen von auf sich auch wird im zu zur des bei nach gegen aus neue
    le la les et est une un dans que qui pas pour sur au aux du ne il nous avec ce tout sont par en de el los las del
    por para es su con se lo al como una fue ha os da em um uma com na ao di che per non della sono gli dei delle alla
    nel het een van niet dat zijn voor op te aan ook och att det som av inte till har ett og er af ikke til nie jest
    ve pro si cu nu pe az hogy nem egy ja ei bir bu ile yang dan untuk dengan ini tidak dari
""")
)
_OTHER_LETTER = re.compile(r"[^\W\d_a-z]")


def is_foreign(text: str) -> bool:
    """Tell whether a text is not English: of another script, or with more words of other languages, two at least.

    Its beginning decides. Of a short text, or of a language that is not listed, too little is known: it passes for
    English.

    >>> [is_foreign(text) for text in ("Das lehnt die Regierung ab.", "Москва против", "NATO lehnt ab")]
    [True, True, False]
    """
    text = text[:600]
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
