"""What runs are called against what they record: a file named after another model, a user simulator
that is the agent's own model."""

import re
from collections.abc import Iterable
from typing import NamedTuple

# A model is looked for by the words that name its family; the word alone may stand for it.
_FAMILIES = {
    "claude": "claude|(?=opus|sonnet|haiku)", "gpt": "chatgpt|gpt", "gemini": "gemini",
    "gemma": "gemma", "llama": "llama", "qwen": "qwen|qwq", "deepseek": "deepseek",
    "mistral": "mistral|mixtral|ministral|magistral|codestral", "grok": "grok", "kimi": "kimi",
    "glm": "glm", "phi": "phi", "nova": "nova", "olmo": "olmo", "granite": "granite",
    "minimax": "minimax", "nemotron": "nemotron", "o": r"o(?=[134]\b)",
}
_KINDS = "opus|sonnet|haiku|oss|coder|flash|pro|large|small"
_LESSER = "mini|nano|lite"  # a model of its own beside the one whose name it lengthens
_NUMBER = r"\d{1,2}[ac-z]?(?![a-z\d])(?:[-_.]\d{1,2}(?![a-z\d]))*"
_MENTION = re.compile(
    rf"(?<![a-z\d])(?:{'|'.join(f'(?P<{name}>{words})' for name, words in _FAMILIES.items())})"
    rf"[-_. ]*(?P<before>{_KINDS})?[-_. v]*(?P<version>{_NUMBER})?[-_. ]*(?P<after>{_KINDS})?"
    rf"[-_. ]*(?P<lesser>{_LESSER})?")
_SIZE = re.compile(r"(?<![\d.])(\d+(?:[.x]\d+)*)b(?![a-z])")
_NOBODY = ("", "none", "unknown", "not recorded", "dummy", "human", "default")
_DATE = re.compile(r"[-@]?20\d\d-?\d\d-?\d\d$")


class Mention(NamedTuple):
    """A model as a name spells it: its family, its version without points and dashes, its kind,
    and which lesser model of that version."""

    family: str
    version: str
    kind: str
    lesser: str


def contradicts(name: str, model: str, others: Iterable[str] = ()) -> bool:
    """Whether the name of a file or folder names models, and neither the recorded one nor those of
    `others` (who grades, who plays the user) is among them."""
    named, recorded = mentions(name), mentions(model)
    if not named or not recorded:
        return False
    sizes = _SIZE.findall(name.lower()), _SIZE.findall(model.lower())
    if any(alike(one, other) and one.lesser in ("", other.lesser)
           for one in named for other in recorded):
        return bool(all(sizes) and set(sizes[0]).isdisjoint(sizes[1]))
    elsewhere = [other for text in others for other in mentions(text)]
    return any(not any(alike(one, other) for other in elsewhere) for one in named)


def mentions(text: str) -> list[Mention]:
    """The models that a text names."""
    found = []
    for match in _MENTION.finditer(text.lower()):
        family = next(name for name in _FAMILIES if match[name] is not None)
        found.append(Mention(family, re.sub(r"[-_.]", "", match["version"] or ""),
                             match["before"] or match["after"] or "", match["lesser"] or ""))
    return found


def alike(one: Mention, other: Mention) -> bool:
    """Whether two mentions may be of one model: a shorter one may leave out what follows."""
    return one.family == other.family and \
        (not one.kind or not other.kind or one.kind == other.kind) and \
        (one.version.startswith(other.version) or other.version.startswith(one.version))


def same_model(one: str, other: str) -> bool:
    """Whether two names are of one model, whoever serves it and whatever its date."""
    bare = [_DATE.sub("", name.lower().rpartition("/")[2]) for name in (one, other)]
    return bare[0] == bare[1] and bare[0] not in _NOBODY
