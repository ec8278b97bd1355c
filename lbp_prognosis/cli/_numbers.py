"""``numbers``: an option with numbers between commas."""

from __future__ import annotations

__all__ = ["numbers"]


def numbers(text: str, option: str) -> list[float]:
    """Return the numbers of ``6,12``; none for an empty text.

    Parameters
    ----------
    text : str
        As typed.
    option : str
        Its name, for the message.
    """
    from lbp_prognosis._base import argument_error

    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise argument_error(option, "numbers with commas between them, such as 6,12", repr(text)) from None
