"""How a refused value is shown, and the word that was probably meant."""

import difflib
import json
from collections.abc import Iterable

_LONGEST = 60


def shown(value: object) -> str:
    """``value`` as the user wrote it in the spec, cut to one short line."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = f"a {type(value).__name__}"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def listed(words: Iterable[object]) -> str:
    """``words`` as they would be typed, with commas between."""
    return ", ".join(shown(word) for word in words)


def nearest(word: object, allowed: Iterable[object]) -> str | None:
    """The allowed word that ``word`` is most likely a misspelling of, or None."""
    by_lower = {str(each).lower(): str(each) for each in allowed}
    close = difflib.get_close_matches(str(word).lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None


def unknown(word: object, allowed: Iterable[object], what: str) -> str:
    """``word`` is not one of ``allowed``: the nearest one if there is any, and all of them."""
    words = tuple(allowed)
    near = nearest(word, words)
    guess = f", did you mean {shown(near)}?" if near else ";"
    return f"{shown(word)} is not {what}{guess} allowed: {listed(words) or 'none'}"
