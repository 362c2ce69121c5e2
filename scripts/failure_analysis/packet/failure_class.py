"""The cause that a benchmark's own file names (`failure_class`) as a provisional mode."""

import json
import re
import unicodedata
from typing import Any

from failure_analysis import clean

RULE = "failure_class"  # what error_mode_rule says of such a label
MOST_CHARACTERS, MOST_WORDS = 60, 8  # more is a sentence, and no class
# Words that say that there is no cause, or that nobody knows it.
NO_CAUSE = frozenset(("none", "null", "nan", "na", "n_a", "unset", "unknown", "other", "true",
                      "false", "class_0", "no_error", "no_failure", "ok", "success", "pass",
                      "passed", "fail", "failed"))


def mode_of(value: Any) -> str | None:
    """The mode that a failure class gives; None where it names no cause, or is a sentence."""
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value)
    text = text.strip()
    if len(text) > MOST_CHARACTERS or len(text.split()) > MOST_WORDS:
        return None
    slug = _slug(text)
    return None if slug in NO_CAUSE or not any(char.isalnum() for char in text) else slug


def _slug(text: str) -> str:
    """The text as a snake_case word of at most 60 characters. Where letters had to go (those that
    are not Latin), a mark made from the text keeps two classes apart."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", text).lower()
                    if not unicodedata.combining(char))
    slug = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    lost = any(char.isalnum() and not char.isascii() for char in plain)
    if not slug[:1].isalpha():
        slug = f"class_{slug}".rstrip("_")
    if lost or len(slug) > MOST_CHARACTERS:
        slug = f"{slug[:MOST_CHARACTERS - 9].rstrip('_')}_{clean.mark(text)}"
    return slug
