"""``visible``: text in which nothing is hidden: no character without a width, none that turns the reading direction."""

from __future__ import annotations

import re

__all__ = ["visible"]

# zero widths and joiners, marks, embeddings, overrides and isolates of direction, the soft hyphen, the byte-order mark,
# tags; and controls but tab and line ends
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """Return the text with each hidden character written as its code.

    A name may hold characters that a reader does not see and a spreadsheet or browser obeys: an override that turns
    "cod.exe" round, a zero-width space that makes two equal names different.

    Examples
    --------
    >>> from lbp_prognosis._base import visible
    >>> visible("model\\u202eB\\u200b"), visible("Müller, שלום")
    ('model‹U+202E›B‹U+200B›', 'Müller, שלום')
    """
    return _HIDDEN.sub(lambda found: f"‹U+{ord(found[0]):04X}›", text)
