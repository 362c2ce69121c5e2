"""The key, kept out of everything that is written or shown.

It is taken out of what an endpoint sends before anything reads it, in any case, as it is and
escaped for JSON, an address or HTML, or in base64; other encodings are not looked for."""

import base64
import os
import re
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from failure_analysis import files

SHORTEST = 8  # a shorter key is the placeholder of a server that needs none, and may be any word
_LIKE_A_KEY = re.compile(r"\bsk-[\w*-]{6,}")


def key() -> str:
    """The key of the environment without blanks around it, or nothing; refuses what is no key."""
    text = os.environ.get("OPENAI_API_KEY", "").strip()
    if not re.fullmatch(r"[!-~]*", text):
        raise files.Refusal("OPENAI_API_KEY holds blanks or characters that no key has; export it "
                            "again")
    return text


def checked(url: str) -> str:
    """The address of an endpoint, checked; its faults are told without it, as it may hold a
    password."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if url and not (good and re.fullmatch(r"[!-~]+", url) and not {"?", "#"} & set(url)):
        raise files.Refusal("the address in --base-url or OPENAI_BASE_URL is none: give http:// or "
                            "https://, a host and a path, without a query")
    return url


def redacted(raw: bytes, base_url: str) -> bytes:
    """What was received, without the key and what the address holds of names and passwords."""
    parts = urlsplit(base_url)
    held = (key(), *(unquote(part or "") for part in (parts.username, parts.password)))
    secrets = tuple(text for text in held if len(text) >= SHORTEST)
    # Without the zeros of UTF-16, in which a reader of JSON would find a key that we do not.
    return _pattern(secrets).sub(b"[key]", raw.replace(b"\0", b"")) if secrets else raw


def scrubbed(text: str, base_url: str = "") -> str:
    """An error's text without the key, and without anything that looks like one."""
    clean = redacted(text.encode("utf-8", "surrogatepass"), base_url)
    return _LIKE_A_KEY.sub("[key]", clean.decode("utf-8", "replace"))


@lru_cache(8)
def _pattern(secrets: tuple[str, ...]) -> re.Pattern[bytes]:
    """What finds each secret in every form."""
    forms = [form for text in secrets for form in (
        "".join(map(_character, text)), *_in_base64(text.encode("utf-8", "replace")))]
    return re.compile("|".join(forms).encode(), re.I)


def _character(letter: str) -> str:
    """A pattern for a character as it is, or escaped, once or more."""
    code = ord(letter)
    plain = rf"\\*{re.escape(letter)}" if letter in '"\\/' else re.escape(letter)
    return rf"(?:{plain}|\\+u{code:04x}|%(?:25)*{code:02x}|&\#x0*{code:x};|&\#0*{code};)"


def _in_base64(secret: bytes) -> list[str]:
    """Patterns for a secret in base64, wherever in the coded bytes it begins."""
    forms = []
    for shift, start in enumerate((0, 2, 3)):
        coded = base64.b64encode(b"\0" * shift + secret).decode()
        whole = coded[start:(shift + len(secret)) * 8 // 6]
        letters = "".join({"+": "[-+]", "/": r"\\*[/_]"}.get(letter, letter) for letter in whole)
        forms.append(rf"(?-i:{letters}[\w+/-]?={{0,2}})")
    return forms
