"""Tokens of a text: the recorded ones, those of a tokenizer file, or, with neither, pieces of the
text itself (a run of letters, one Chinese, Japanese or Korean character, one digit, one other mark,
a run of white space), so that no lens needs a download."""

import re
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from failure_analysis import files
from failure_analysis.lenses.config import Eval

FALLBACK = "text pieces (no tokenizer known)"
RECORDED = "recorded ids"
# In these scripts a character is about a word.
_SIGNS = ((0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7AF),
          (0x20000, 0x3FFFF))
_CLASS = "".join(f"{chr(low)}-{chr(high)}" for low, high in _SIGNS)
_PIECES = re.compile(rf"[{_CLASS}]|[^\W\d_{_CLASS}]+|\d|\s+|[^\w\s]|_")
# What a token's text is made of; the order is that of the columns of an indicator matrix.
CLASSES = ("space", "digit", "word", "punctuation", "special", "bytes", "other")
_NUMBER_OF = {name: number for number, name in enumerate(CLASSES)}
_SPECIAL = re.compile(r"<\|[^|]*\|>|</?s>|<(?:bos|eos|pad|unk)>|\[/?INST\]|<(?:start|end)_of_turn>")


class Tokens(NamedTuple):
    """The tokens of one text: ids and their places in it."""

    ids: list
    offsets: list





def words(text: str) -> tuple[int, np.ndarray]:
    """(how many pieces a text has, a number for each that is no white space); equal pieces have
    equal numbers. On arrays, as many long texts are measured; their places are not needed."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    if not len(codes):
        return 0, np.zeros(0, np.int64)
    kinds = _KINDS[np.minimum(codes, len(_KINDS) - 1)]
    if codes.max() >= len(_KINDS):
        rare = np.flatnonzero(codes >= len(_KINDS))
        distinct, place = np.unique(codes[rare], return_inverse=True)
        kinds[rare] = np.array([_kind(chr(code)) for code in distinct], np.int8)[place]
    begins = (kinds == _DIGIT) | (kinds == _MARK)
    begins[0] = True
    begins[1:] |= kinds[1:] != kinds[:-1]
    starts = np.flatnonzero(begins)
    # A piece's number: a polynomial of its characters, by their places in it.
    places = np.arange(len(codes)) - np.repeat(starts, np.diff(np.append(starts, len(codes))))
    mixed = (codes.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    numbers = np.add.reduceat(mixed * _POWERS[places % len(_POWERS)], starts)
    return len(starts), numbers[kinds[starts] != _SPACE].view(np.int64)


def _kind(char: str) -> int:
    """Which of the four sorts of pieces a character makes."""
    if char.isspace():
        return _SPACE
    if not char.isalnum() or any(low <= ord(char) <= high for low, high in _SIGNS):
        return _MARK
    return _DIGIT if char.isdecimal() else _WORD


_WORD, _DIGIT, _SPACE, _MARK = range(4)
_KINDS = np.array([_kind(chr(code)) for code in range(256)], np.int8)
_POWERS = np.cumprod(np.full(4096, 6364136223846793005, np.uint64))


def _fallback(text: str) -> Tokens:
    pieces = list(_PIECES.finditer(text))
    return Tokens([piece.group() for piece in pieces], [piece.span() for piece in pieces])


def encoder(system: Eval, config_path: Path) -> tuple[Callable[[str], Tokens], str]:
    """(the function that makes tokens of a text, what it is) for an eval."""
    if system.tokenizer is None:
        return _fallback, FALLBACK
    path = tokenizer_path(system, config_path)
    return partial(encoded, load(path)), f"tokenizer {path.name}"


def encoded(tokenizer: Any, text: str) -> Tokens:
    """The tokens that a loaded tokenizer makes of a text."""
    encoding = tokenizer.encode(text, add_special_tokens=False)
    return Tokens(encoding.ids, encoding.offsets)


def tokenizer_path(system: Eval, config_path: Path) -> Path:
    """Where an eval's tokenizer file is: relative names start at the config's folder."""
    path = config_path.parent / system.tokenizer  # an absolute name stays as it is
    if not path.is_file():
        raise files.Refusal(f"{path}: no such tokenizer file (a tokenizer.json); correct "
                            f"`tokenizer` of eval {system.eval_id} in {config_path}, or leave it "
                            "out")
    return path


@lru_cache(16)
def load(path: Path):
    """The tokenizer in a file, loaded once."""
    try:
        from tokenizers import Tokenizer
    except ModuleNotFoundError:
        raise files.Refusal(
            f"{path}: a tokenizer file needs the package tokenizers; run with `uv run --with "
            "tokenizers …` or `pip install tokenizers`, or leave `tokenizer` out") from None
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the package raises Exception itself
        raise files.Refusal(f"{path}: no tokenizer.json ({error})") from None


def classes(text: str, offsets: list) -> list[int]:
    """The class of each token (its place in CLASSES) by its text, never by its number."""
    return [_NUMBER_OF[_class(text[start:end])] for start, end in offsets]


@lru_cache(1 << 16)
def _class(piece: str) -> str:
    bare = piece.strip()
    if not piece:
        return "bytes"
    if not bare:
        return "space"
    if bare.isdigit():
        return "digit"
    if _SPECIAL.fullmatch(bare):
        return "special"
    if any(char.isalpha() for char in bare):
        return "word"
    if "\ufffd" in bare:
        return "bytes"
    return "other" if any(char.isalnum() for char in bare) else "punctuation"
