"""What nearly equal answers must share, so that what differs decides nothing."""

from collections import Counter
from collections.abc import Iterable

from failure_analysis.audit import normal
from failure_analysis.audit.final import final

_FEWEST_TOKENS = 10
_SENTENCE = 5  # words of an answer that is a sentence, and no value
NEAR = 0.95
# How many tokens two answers share: less where all words but fillers are equal, and of short ones
# all words are.
ENOUGH = {"final": NEAR, "words": 0.9, "short": 0}
_JOINS = frozenset(("and", "or", "then", "also", "but"))  # behind which a `to` may be left out
_LETTERS, _ENDS = frozenset("ai"), frozenset(".!?;:")
_STOPS = frozenset(",.;:!'\"`*")
_PICTURES, _THUMBS = "\U0001f300", "👍👎"
_NEGATIONS = frozenset((
    "not", "no", "never", "none", "nor", "neither", "without", "cannot", "unable", "nobody",
    "nothing", "except", "unless", "false", "incorrect", "wrong", "impossible"))
# Words and signs that decide nothing.
_FILLERS = frozenset(
    ["a", "an", "the", "so", "thus", "therefore", "hence", "then", "now", "well", "just", "also",
     "please", "sure", "certainly", "indeed", "really", "very", "quite", "okay", "ok", "actually",
     "simply", "clearly", "of", "course", "here", "let", "us", "me", "i", "we", "let's", "and",
     "that", "which", "this", "thanks", "thank", "you", "hello", "hi", "finally", "overall", "is",
     "are", "it", "these", "those", "will", "shall", "by", "while", "whereas", "whilst", "moreover",
     "furthermore", "besides", "too", "basically", "essentially", "kind", "kindly", "best",
     "warm", "regards", "sincerely", "yours", "greetings", "cheers", "additionally", "meanwhile",
     "consequently", "qed",
     *",.;:!*`'\"#_~∎□■"])


def marked(text: str) -> tuple:
    """The final answer that a text marks; empty where it marks none."""
    ending = final(text)
    return () if ending.how in ("", "whole", "line") else (ending.how, normal.key(ending.text))


def essence(text: str) -> tuple[tuple, Counter]:
    """What nearly equal answers must share to the letter, and all tokens, counted. With a marked
    final answer that is all numbers, all negations and the final answer; without one each word
    that is no filler, in its order, and of a short one each word."""
    words, ending = [word for word in normal.tokens(text) if word < _PICTURES
                     or word in _THUMBS], marked(text)
    if ending:
        return ("final", *ending, *firm(words)), Counter(words)
    if len(words) < _FEWEST_TOKENS:
        return ("short", *(word for word in words if word not in _STOPS)), Counter(words)
    return ("words", *(word for word, before, behind in zip(
        words, ["", *words], [*words[1:], ""], strict=False)
        if not (word == "to" and before in _JOINS) and (word not in _FILLERS
        or word in _LETTERS and _is_sign(before) and _is_sign(behind)))), Counter(
            word for word in words if word not in _STOPS)


def same_prose(a: str, b: str) -> bool:
    """Whether two texts are prose of some length that says the same but for words that decide
    nothing."""
    (print_, words), (other_print, other) = essence(a), essence(b)
    return print_ == other_print and print_[0] == "words" and normal.shared(words, other) >= NEAR


def _is_sign(token: str) -> bool:
    """Whether a token is a quote, bracket or comma, between which a letter is one of a list."""
    return token != "" and not token[0].isalnum() and token not in _ENDS


def is_sentence(essence_: tuple, words: Counter) -> bool:
    """Whether an answer is long enough to be one in other words."""
    return len(essence_) > _SENTENCE if essence_[0] == "short" else words.total() >= _FEWEST_TOKENS


def firm(words: Iterable[str]) -> list[str]:
    """The numbers and negations among tokens, in their order: one more or less is another
    answer."""
    return [word for word in words if word in _NEGATIONS or word[:1].isdigit()
            or word.endswith("n't")]
