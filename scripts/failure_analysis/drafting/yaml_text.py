"""YAML written line by line, each with a comment why. What stands in files is untrusted: nothing of
it can end a comment or a scalar, or change its type on the way."""

import re
from typing import Any

from failure_analysis.clean import visible

# Has nothing that YAML reads otherwise; what spells another type is not it.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-/\[\]]*")
_PLAIN_IN_FLOW = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-/]*")
_OTHER_TYPES = re.compile(r"(y|n|yes|no|on|off|true|false|null|none|nan|inf)", re.IGNORECASE)
_SURROGATE = re.compile("[\ud800-\udfff]")
_LONGEST = 40


def scalar(value: Any, in_flow: bool = False) -> str:
    """A value as YAML, of the type that it has in the file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, float) and value == int(value) and abs(value) < 1e15:
        return f"{int(value)}"
    if isinstance(value, int | float):
        text = repr(value)
        return text if "e" not in text or "." in text else text.replace("e", ".0e")
    if isinstance(value, list):
        return f"[{', '.join(scalar(item, True) for item in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key, True)}: {scalar(item, True)}"
                               for key, item in value.items()) + "}"
    text = str(value)
    plain = (_PLAIN_IN_FLOW if in_flow else _PLAIN).fullmatch(text)
    return text if plain and not _OTHER_TYPES.fullmatch(text) else _quoted(text)


def can_be_written(text: str) -> bool:
    """False for a lone surrogate, which YAML cannot spell."""
    return not _SURROGATE.search(text)


def _quoted(text: str) -> str:
    """The text between quotes: single ones where it has no control characters, as they leave
    everything as it is."""
    if text.isprintable() and text:
        if '"' not in text and "\\" not in text:
            return f'"{text}"'
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else \
        f"\\U{code:08x}"


def shown(value: Any) -> str:
    """A value as it can stand in a comment: one line, shortened, control characters visible."""
    text = value if isinstance(value, str) else repr(value)
    text = " ".join(text[:400].split())
    text = text if len(text) <= _LONGEST else text[:_LONGEST - 1] + "…"
    text = "".join(char if char.isprintable() else visible(char) for char in text)
    text = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)
    return f'"{text}"' if isinstance(value, str) else text


def line(indent: int, key: str, value: str, comment: str = "") -> str:
    """`key: value  # comment`."""
    text = f"{' ' * indent}{scalar(key)}: {value}" if value else f"{' ' * indent}{scalar(key)}:"
    return f"{text}  # {comment}" if comment else text
