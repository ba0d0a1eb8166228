"""Labels, how they are shown, and the record of a target that every package shares."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: The stances, in the one order that every array, table and plot follows.
LABELS: tuple[str, str, str] = ("against", "none", "favor")

#: In place of a label that is less probable than was asked for.
UNSURE = "unsure"

#: One colour a label everywhere (Okabe & Ito's palette, safe for colour-blind readers).
COLORS = {"against": "#D55E00", "none": "#8C8C8C", "favor": "#0072B2"}

#: One sign a label, for those who see no colour.
SIGNS = {"against": "\N{MINUS SIGN}", "none": "0", "favor": "+"}


@dataclass(frozen=True)
class Target:
    """What a stance is taken toward, and the terms that name it or take a side (`stance.text.mentions`)."""

    name: str  #: in the data
    title: str  #: the name for people
    definition: str = ""  #: one sentence
    mentions: tuple[str, ...] = ()  #: terms that name it; without any, the longer words of its title do
    favor: tuple[str, ...] = ()  #: terms that carry this side, for the lexicon baseline
    against: tuple[str, ...] = ()

    @property
    def terms(self) -> tuple[str, ...]:
        """Return the terms that name it."""
        long = tuple(word for word in re.findall(r"\w+", self.title) if len(word) > 3)
        return self.mentions or long or (self.title,)
