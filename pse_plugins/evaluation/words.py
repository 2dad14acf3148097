"""Word errors: how texts are made alike, and how they are compared."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

RULE = "upper case, apostrophes between letters kept, other punctuation to spaces, digits as they are written"
"""What `normalise` does, for a report."""

_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\u0060\u00b4", "'"))
_NO_WORD = re.compile(r"(?<!\w)'|'(?!\w)|[^\w']|_")


def normalise(text: str) -> str:
    """Write a text as LibriSpeech's transcripts are written, so that only words count.

    Upper case; all apostrophes are one sign, kept between letters and dropped elsewhere; every other sign that is
    no letter or digit, the hyphen too, becomes a space. Numbers in digits stay: ``21`` is not ``TWENTY ONE``.

    Examples
    --------
    >>> normalise("Well, it\u2019s the dogs' twenty-one \u2013 isn't it?")
    "WELL IT'S THE DOGS TWENTY ONE ISN'T IT"
    """
    plain = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)).upper()
    return " ".join(_NO_WORD.sub(" ", plain).split())


@dataclass(frozen=True)
class WordErrors:
    """The word errors of a text.

    Parameters
    ----------
    words : int
        In the reference.
    substitutions, deletions, insertions : int
        Of the shortest way from the reference to what was heard (Levenshtein's distance in words); of several
        that are as short, the one that jiwer takes.
    """

    words: int
    substitutions: int
    deletions: int
    insertions: int

    @property
    def errors(self) -> int:
        """All of them."""
        return self.substitutions + self.deletions + self.insertions


def compare(reference: str, heard: str) -> WordErrors:
    """Count the errors of what was heard; both texts are normalised first.

    Raises
    ------
    ValueError
        If the reference has no words.

    Examples
    --------
    >>> compare("the cat sat on the mat", "a cat sat the mat now")
    WordErrors(words=6, substitutions=1, deletions=1, insertions=1)
    """
    import jiwer

    wanted = normalise(reference)
    if not wanted:
        raise ValueError("the reference has no words")
    found = jiwer.process_words(wanted, normalise(heard))
    return WordErrors(len(wanted.split()), found.substitutions, found.deletions, found.insertions)
