"""Tokens of a text: the recorded ones, those of a tokenizer file, or, with neither, pieces of the
text itself (a run of letters, one digit, one other mark, a run of white space), so that no lens
needs a download."""

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from failure_analysis import files
from failure_analysis.lenses.samples import Eval

FALLBACK = "text pieces (no tokenizer known)"
RECORDED = "recorded ids"
_PIECES = re.compile(r"[^\W\d_]+|\d|\s+|[^\w\s]|_")
# What a token's text is made of; the order is that of the columns of an indicator matrix.
CLASSES = ("space", "digit", "word", "punctuation", "special", "bytes", "other")
_SPECIAL = re.compile(r"<\|[^|]*\|>|</?s>|<(?:bos|eos|pad|unk)>|\[/?INST\]|<(?:start|end)_of_turn>")


class Tokens(NamedTuple):
    """The tokens of one text: ids and their places in it."""

    ids: list
    offsets: list


Encoder = Callable[[str], Tokens]


def pieces(text: str) -> list[str]:
    """The text in pieces."""
    return _PIECES.findall(text)


def _fallback(text: str) -> Tokens:
    found = [(match.group(), match.span()) for match in _PIECES.finditer(text)]
    return Tokens([piece for piece, _ in found], [span for _, span in found])


def encoder(one: Eval, config: Path) -> tuple[Encoder, str]:
    """(the function that makes tokens of a text, what it is) for an eval."""
    if one.tokenizer is None:
        return _fallback, FALLBACK
    path = tokenizer_path(one, config)
    model = load(path)

    def encode(text: str) -> Tokens:
        found = model.encode(text, add_special_tokens=False)
        return Tokens(found.ids, found.offsets)

    return encode, f"tokenizer {path.name}"


def tokenizer_path(one: Eval, config: Path) -> Path:
    """Where an eval's tokenizer file is: relative names start at the config's folder."""
    path = one.tokenizer if one.tokenizer.is_absolute() else config.parent / one.tokenizer
    if not path.is_file():
        raise files.Refusal(f"{path}: no such tokenizer file (a tokenizer.json); correct "
                            f"`tokenizer` of eval {one.eval_id} in {config}, or leave it out")
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
    """The class of each token, by the text that it stands for, never by its number."""
    found = []
    for start, end in offsets:
        piece = text[start:end]
        bare = piece.strip()
        if not piece:
            found.append(5)
        elif not bare:
            found.append(0)
        elif bare.isdigit():
            found.append(1)
        elif _SPECIAL.fullmatch(bare):
            found.append(4)
        elif any(char.isalpha() for char in bare):
            found.append(2)
        elif "\ufffd" in bare:
            found.append(5)
        elif all(not char.isalnum() for char in bare):
            found.append(3)
        else:
            found.append(6)
    return found
