"""LaTeX as plain text, and formulas under one spelling."""

import re
from collections.abc import Iterator
from functools import lru_cache


def boxed(text: str) -> Iterator[str]:
    """What stands in each \\boxed{…}, its braces balanced."""
    for start in (found.end() for found in re.finditer(r"\\(?:boxed|fbox)\s*\{", text)):
        depth, place = 1, start
        while place < len(text) and depth:
            depth += {"{": 1, "}": -1}.get(text[place], 0)
            place += 1
        if not depth:
            yield text[start:place - 1]


# A comma in brackets parts what stands beside it, but for what may be thousands.
_IN_BRACKETS = re.compile(r",\s+(?!\d{3}(?!\d))(?=[^()\[\]{}]*[)\]}])")
_COMMANDS = str.maketrans({"·": "*", "⋅": "*", "×": "*", "−": "-", **{
    sign: f"\\{name} " for sign, name in {
        "π": "pi", "∞": "infty", "≤": "le", "≥": "ge", "≠": "ne", "±": "pm", "∪": "cup", "∩": "cap",
        "∈": "in", "α": "alpha", "β": "beta", "γ": "gamma", "θ": "theta", "λ": "lambda",
        "μ": "mu", "σ": "sigma", "φ": "phi", "ω": "omega"}.items()}})
_SPACED = re.compile(r"\s*([-+*/=^()<>{}\\%$])\s*")
# One of these stands in each text of which `unlatexed` changes more than white space.
_MATRIX = re.compile(r"\\begin\{([pbvBV]?matrix|array)\}(?:\{[lcr|]+\})?(.*?)\\end\{\1\}", re.S)
_SIGNS = ("\\", "**", "°", "~", "{,}", "^{", ")/(")


@lru_cache(maxsize=128)
def unlatexed(text: str) -> str:
    """LaTeX as plain text, as far as only the way of writing changes."""
    if text.isascii() and not any(map(text.__contains__, _SIGNS)):
        return " ".join(text.split())
    text = raised(text).translate(_COMMANDS).replace("**", "^")
    text = re.sub(r"\\(?:left|right|displaystyle|limits|big|Big)(?![a-zA-Z])\s*", "", text)
    text = _MATRIX.sub(lambda found: "[[" + re.sub(r"\s*\\\\\s*", "],[", re.sub(
        r"\s*&\s*", ",", found[2].strip().removesuffix("\\\\").strip())) + "]]", text)
    text = re.sub(r"\\[dt]?frac\s*(\d)\s*(\d)", r"(\1)/(\2)", text)
    for _ in range(3):
        text = re.sub(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r"(\1)/(\2)", text)
        text = re.sub(r"\\(?:text|mathrm|textbf|mathbf|mbox|operatorname)\s*\{([^{}]*)\}", r" \1 ",
                      text)
    text = re.sub(r"\^\s*\{?\s*\\circ\s*\}?|\\degree|°", " degrees", text)
    text = re.sub(r"\\[,;:! ]|~|\\quad|\\qquad", " ", text).replace("{,}", ",")
    text = re.sub(r"\\sqrt\s*(?:\{([^{}]*)\}|(\w))|√\s*\(?(\w+)\)?", lambda found: "sqrt(" + (
        found[1] or found[2] or found[3] or "") + ")", text)
    text = re.sub(r"\\(infty|pi)(?![a-zA-Z])", r"\1", text)
    text = re.sub(r"\^\{([^{}]*)\}", lambda found: f"^{found[1]}" if len(found[1]) == 1
                  else f"^({found[1]})", text)
    text = re.sub(r"\\([$%&#_{}])", r"\1", text).replace("\\cdot", "*").replace("\\times", "*")
    return " ".join(re.sub(r"\((-?\w)\)/\((\w+)\)", r"\1/\2",
                           re.sub(r"\((-?\w+)\)/\((\w+)\)", r"\1/\2", text)).split())


@lru_cache(maxsize=128)
def unspaced(text: str) -> str:
    """Without the spaces beside signs; those of words, of digits and after commas stay."""
    return _IN_BRACKETS.sub(",", _SPACED.sub(r"\1", text)).strip()


def tight(text: str) -> str:
    """Without the sign of a product, or the space, between a number and what it multiplies."""
    return re.sub(r"(?<=\d)[* ](?=[a-zA-Z\\(])", "", unspaced(text))


_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


def raised(text: str) -> str:
    """Text with its raised digits behind a sign of power."""
    return text if text.isascii() else re.sub(
        "[⁰¹²³⁴-⁹⁻]+", lambda found: f"^({found[0]})".translate(_RAISED) if len(found[0]) > 1
        else f"^{found[0]}".translate(_RAISED), text)


def commuted(formula: str) -> str:
    """A formula with its summands in one order, within brackets too; blank for what is more than
    one formula."""
    if re.search(r"[,=<>±]|\\(?:pm|mp|le|ge|in|to)\b", formula):
        return ""
    text = unspaced(re.sub(r"\\[dt]frac", r"\\frac", formula))
    return _sum(text, 0)[0]


def _sum(text: str, place: int) -> tuple[str, int]:
    """The summands from this place to the bracket that closes, sorted, and where that stands."""
    terms, term = [], ""
    while place < len(text) and text[place] not in ")}]":
        sign = text[place]
        if sign in "({[":
            inner, end = _sum(text, place + 1)
            term += sign + inner + text[end:end + 1]
            place = end
        elif sign in "+-" and term.strip("+-") and term[-1] not in "^*/_":
            terms.append(term)
            term = sign
        else:
            term += sign
        place += 1
    terms.append(term)
    return "".join(sorted(one if one[:1] in ("+", "-") else f"+{one}" for one in terms)), place
