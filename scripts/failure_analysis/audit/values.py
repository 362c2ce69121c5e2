"""Numbers, what they are counted in, and days, under one spelling."""

import re
import unicodedata
from fractions import Fraction
from functools import lru_cache

from failure_analysis.patterns import re_compile

TYPOGRAPHY = str.maketrans({"“": '"', "”": '"', "„": '"', "’": "'", "‘": "'", "–": "-", "−": "-",
                            "‐": "-", "‑": "-", "\u00a0": " ", "\u202f": " ", "\u2009": " ",
                            "×": "x", "\u200b": "", "\ufeff": "", "\u3000": " ",
                            **{chr(code): chr(code - 0xfee0) for code in range(0xff01, 0xff5f)},
                            "«": '"', "»": '"', "「": '"', "」": '"', "…": "...", "ﬁ": "fi",
                            "ﬂ": "fl", **dict.fromkeys("\u00ad\u200c\u200d\u200e\u200f\u2060", ""),
                            "٫": ".", "٬": ",", **{
                                chr(zero + digit): str(digit) for digit in range(10) for zero in (
                                    0x2080, 0x660, 0x6F0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6,
                                    0xC66, 0xCE6, 0xD66, 0xE50, 0xED0, 0xF20, 0x1040, 0x17E0)}})


def plain(text: str) -> str:
    """A text in plain quotes, dashes, blanks and digits, its accents in one way."""
    return text if text.isascii() else unicodedata.normalize("NFC", text.translate(TYPOGRAPHY))


@lru_cache(maxsize=128)  # several classes ask for that of one answer
def one_line(text: str) -> str:
    """A text with one blank for all white space between its words."""
    return " ".join(text.split())


ZEROS = re_compile(r"0\d+$")  # that is no number, or it would have none of them
_DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d{1,3}(?:[ '_]\d{3})+(?!\d)|\d{1,2}(?:,\d{2})+,\d{3}|\d+)" \
          r"(?:\.\d*)?|\.\d+"
_NUMBER = re_compile(
    rf"^([-+]?)\s*((?:[$€£¥₹₩₽]|US\$|USD|EUR|GBP|CHF|JPY|CAD|AUD|INR|SEK|NOK|DKK|PLN|Rs\.?)?)\s*([-+]?)({_DIGITS})(?:[eE]([-+]?\d{{1,3}})|"
    rf"\s*[*x×]\s*10\s*\^\s*\(?([-+]?\d{{1,3}})\)?)?(?:\s*/\s*(\d+))?\s*(%|°?\s?[^\W\d_].*)?$")
_MIXED = re_compile(r"^([-+]?)(\d+)\s+(\d+)\s*/\s*(\d+)$")


@lru_cache(maxsize=128)  # models give one number, and several classes ask for it
def number(text: str) -> tuple[Fraction, str] | None:
    """A number and what it is counted in (blank: nothing said); None for anything else."""
    text = text.strip().translate(TYPOGRAPHY)
    mixed = _MIXED.match(text)
    if mixed and int(mixed[4]):
        value = int(mixed[2]) + Fraction(int(mixed[3]), int(mixed[4]))
        return (-value if mixed[1] == "-" else value), ""
    found = _NUMBER.match(text)
    if not found or (found[1] and found[3]) or len(found[4]) > 60:
        return None
    if found[8] and not text[:found.start(8)].endswith(" ") and unit(found[8]) not in UNITS:
        return None
    power = int(found[5] or found[6] or 0)
    digits = re.sub(r"[ ,'_]", "", found[4]).rstrip(".")
    value = Fraction(int(digits)) if digits.isdecimal() else Fraction(digits)
    if power:
        value *= Fraction(10) ** power
    if found[7]:
        if not int(found[7]) or power:
            return None
        value /= int(found[7])
    if found[2] and found[8]:
        return (None if unit(found[8]) != unit(found[2])
                else (-value if "-" in (found[1], found[3]) else value, unit(found[2])))
    return -value if "-" in (found[1], found[3]) else value, unit(found[8] or found[2] or "")


UNITS = {
    "%": "percent percentage pct", "$": "dollar usd us$", "€": "euro eur", "£": "pound gbp",
    "km": "kilometer kilometre", "m": "meter metre", "cm": "centimeter centimetre",
    "mm": "millimeter millimetre", "kg": "kilogram kilo", "g": "gram", "mg": "milligram",
    "l": "liter litre", "ml": "milliliter millilitre", "h": "hour hr", "min": "minute",
    "s": "second sec", "ms": "millisecond", "day": "days", "week": "weeks", "month": "months",
    "year": "yr", "mi": "mile", "ft": "foot feet", "in": "inch", "lb": "lbs", "oz": "ounce",
    "cent": "¢", "degree": "°", "mph": "miles per hour", "w": "watt", "kw": "kilowatt", "v": "volt",
    "j": "joule", "n": "newton", "pa": "pascal", "hz": "hertz", "kb": "kilobyte", "mb": "megabyte",
    "gb": "gigabyte", "₹": "rupee inr rs", "¥": "yen jpy",
    "chf": "franc franken", "°c": "celsius c degc ℃", "°f": "fahrenheit f degf", "k": "kelvin",
    "hpa": "hectopascal mbar millibar", "kwh": "kilowatt-hour", "rpm": "rev/min",
    "kpa": "kilopascal", "ha": "hectare", "mw": "megawatt", "tb": "terabyte", "db": "decibel"}
_UNIT_OF = {name: unit for unit, names in UNITS.items() for name in (unit, *names.split())} | {
    "miles per hour": "mph", "km/h": "km/h", "kph": "km/h", "kmh": "km/h", "m/s": "m/s",
    "inches": "in", "feet": "ft",
    "degrees celsius": "°c", "degrees fahrenheit": "°f", "° c": "°c", "° f": "°f"}


def unit(text: str) -> str:
    """A unit under one name."""
    text = " ".join(text.strip().strip(".").split())
    if _MILLI.fullmatch(text):
        return text
    text = text.casefold()
    if text in _UNIT_OF:
        return _UNIT_OF[text]
    if " per " in text:
        return "/".join(map(unit, text.split(" per ", 1)))
    if found := _POWER.fullmatch(text):
        return unit(found[2] or found[3]) + ("²" if (found[1] or found[4])[0] in "s2²" else "³")
    single = text[:-1] if len(text) > 2 and text.endswith("s") and text[-2].isalpha() else text
    return _UNIT_OF.get(single, single)


_MILLI = re_compile(r"m(?:W|Pa|V|A|J|N|Hz|Wh|Bq|eV)")  # which capitals tell from mega
# How many of a plain unit others are.
_SCALED = {"km": ("m", 1000), "cm": ("m", Fraction(1, 100)), "mm": ("m", Fraction(1, 1000)),
           "kg": ("g", 1000), "mg": ("g", Fraction(1, 1000)), "t": ("g", 10 ** 6),
           "tonne": ("g", 10 ** 6), "ml": ("l", Fraction(1, 1000)), "kw": ("w", 1000),
           "mw": ("w", 10 ** 6), "kpa": ("pa", 1000), "hpa": ("pa", 100),
           "ms": ("s", Fraction(1, 1000)), "%": ("", Fraction(1, 100))}


def scaled(value: Fraction, of: str) -> tuple[Fraction, str]:
    """An amount in the plain unit of its kind; a share in percent as a number."""
    power = {"²": 2, "³": 3}.get(of[-1:], 1)
    plain_unit, factor = _SCALED.get(of.rstrip("²³"), (of.rstrip("²³"), 1))
    return value * Fraction(factor) ** power, plain_unit + of[len(of.rstrip("²³")):]


# A unit to a power: `square metres`, `cm^3`, `m²`.
_POWER = re_compile(r"(square|sq\.?|cubic|cu\.?) ([^\W\d_]+)|([^\W\d_]+?)\^?([23²³])")


def powers(text: str) -> str:
    """A text with the units that it names to a power in one word each."""
    return re.sub(r"\b(?:square|sq|cubic) [a-z]+\b", lambda found: unit(found[0]), text)


_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september",
           "october", "november", "december")
_MONTH = r"([a-z]{3,9})\.?"
_DATES = (re_compile(rf"(?P<m>{_MONTH})\s+(?P<d>\d\d?)(?:st|nd|rd|th)?,?\s+(?P<y>\d{{4}})", re.I),
          re_compile(rf"(?:the )?(?P<d>\d\d?)(?:st|nd|rd|th)?(?: of)?[ -](?P<m>{_MONTH})[ ,-]\s*"
                     r"(?P<y>\d{4})", re.I),
          re_compile(r"(?P<y>\d{4})[-/.](?P<m>\d\d?)[-/.](?P<d>\d\d?)"),
          re_compile(r"(?P<y>\d{4})(?P<m>0\d|1[0-2])(?P<d>[0-2]\d|3[01])"),
          re_compile(r"(?P<y>\d{4}),? (?P<m>[a-z]{3,9})\.? (?P<d>\d\d?)", re.I),
          # With dots the day stands first; with slashes it is clear where one is above twelve.
          re_compile(r"(?P<d>\d\d?)\.\s?(?P<m>\d\d?)\.\s?(?P<y>\d{4})"),
          re_compile(r"(?P<d>1[3-9]|2\d|3[01])[-/](?P<m>\d\d?)[-/](?P<y>\d{4})"),
          re_compile(r"(?P<m>0?\d|1[0-2])[-/](?P<d>1[3-9]|2\d|3[01])[-/](?P<y>\d{4})"))
_WEEKDAY = re_compile(r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,? "
                      r"(?:the )?", re.I)


def date(text: str) -> tuple[int, int, int] | None:
    """The day that a text names with its month in letters, year first, with dots, or with a day
    above twelve; None for anything else, as of two numbers either may be the month."""
    bare = _WEEKDAY.sub("", text.strip(), count=1) if text[:1].isalpha() else text.strip()
    found = next(filter(None, (form.fullmatch(bare) for form in _DATES)), None)
    if not found:
        return None
    name = found["m"].rstrip(".").lower()
    month = int(name) if name.isdigit() else next(
        (place for place, full in enumerate(_MONTHS, 1) if full.startswith(name)
         or name == "sept" and place == 9), 0)
    day = int(found["d"])
    return (int(found["y"]), month, day) if 0 < month < 13 and 0 < day < 32 else None


_CLOCK = re_compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.0+)?)?")
_HALF_DAY = re_compile(r"(\d{1,2})(?:[:.](\d{2}))?(?:[:.](\d{2}))?\s*([ap])\.?m\.?", re.I)


@lru_cache(maxsize=128)
def moment(text: str) -> tuple | None:
    """The day, the time of day, or both that a text names; None for anything else. Zones are not
    read."""
    text = text.strip()
    if not any(map(str.isdigit, text)):
        return None
    half = re.search(rf"(?:^|[ ,T]){_HALF_DAY.pattern}$", text, re.I)
    if half:
        day, clock = text[:half.start()], half[0].strip(" ,T")
    elif re.match(r"\d{4}-\d\d-\d\dT", text):
        day, _, clock = text.partition("T")
    else:
        day, _, clock = text.rpartition(" ") if ":" in text else (text, "", "")
    named = date(day.strip(" ,")) if day else None
    time = _time(clock)
    return None if not text or clock and not time or day and not named else (named, time)


def _time(clock: str) -> tuple[int, int, int] | None:
    """Hour, minute and second of a time of day."""
    found = _CLOCK.fullmatch(clock) or _HALF_DAY.fullmatch(clock)
    if not found:
        return None
    hour = int(found[1])
    if found.re.pattern == _HALF_DAY.pattern:
        if not 0 < hour < 13:
            return None
        hour = hour % 12 + 12 * (found[4] in "pP")
    return hour, int(found[2] or 0), int(found[3] or 0)


_UNIT_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PART_OF_DURATION = (r"(\d+(?:\.\d+)?)\s*-?(days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|"
                     r"s)(?![a-z])\.?")
_DURATION = re_compile(rf"{_PART_OF_DURATION}(?:(?:,? and|,|:)?\s*{_PART_OF_DURATION})*", re.I)
_JOINED = re_compile(r"(?<=\d)([hm]|min)(?=\d)", re.I)
_COLONS = re_compile(r"(\d{1,3}):(\d\d)(?::(\d\d))?\s*(hours?|hrs?|h|minutes?|mins?)\.?", re.I)


@lru_cache(maxsize=128)
def duration(text: str) -> Fraction | None:
    """The seconds of a length of time that names its units (`2 h 5 min`, `2:05 h`, `2h05`,
    `PT2H5M`); None for anything else."""
    text = in_digits(text.strip()).lower() if len(text) < 60 else ""
    if not any(sign in text for sign in "dhms") or not any(sign.isdigit() for sign in text):
        return None
    text = text[2:] if re.match(r"pt\d", text) else text
    if found := _COLONS.fullmatch(text):
        unit_, rest = (3_600, 60) if found[4][0] == "h" or found[3] else (60, 1)
        return Fraction(int(found[1]) * unit_ + int(found[2]) * rest + int(found[3] or 0))
    text = _JOINED.sub(r"\1 ", text)
    text += {"h": "m", "m": "s", "n": "s"}[found[1][-1]] if (
        found := re.search(r"([hm]|min) \d+$", text)) else ""
    if not _DURATION.fullmatch(text):
        return None
    parts = re.findall(_PART_OF_DURATION, text)
    seconds = [_UNIT_SECONDS[name[0]] for _, name in parts]
    return sum(Fraction(count) * unit_ for (count, _), unit_ in zip(parts, seconds, strict=True)) \
        if seconds == sorted(set(seconds), reverse=True) else None


def digits(text: str) -> str:
    """A number that is dialled or copied (phone, card, account), without what only parts it; blank
    for anything else."""
    bare = re.sub(r"[\s().-]", "", text)
    return bare if re.fullmatch(r"\+?[A-Z]{0,4}\d{6,}", bare) else ""


_ONES = {name: value for value, name in enumerate((
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen"))}
_TENS = {name: value for value, name in zip(range(20, 100, 10), (
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), strict=True)}
_SCALES = {"thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_WORD = "|".join((*_ONES, *_TENS, "hundred", *_SCALES))
_IN_WORDS = re_compile(rf"\b(?:{_WORD})(?:(?:-|,? (?:and )?)(?:{_WORD}))*\b", re.I)


@lru_cache(maxsize=128)
def in_digits(text: str) -> str:
    """A text with its whole numbers in digits."""
    return _IN_WORDS.sub(lambda found: _of_words(found[0]), text)


def _of_words(words: str) -> str:
    """A number of words in digits; as it is where the words are no one number."""
    total, part, largest = 0, 0, 0
    for word in re.findall(r"[a-z]+", words.lower().replace(" and ", " ")):
        if word in _ONES and part % 10 == 0 and (part % 100 == 0 or 0 < _ONES[word] < 10) \
                and part % 100 not in range(10, 20):
            part += _ONES[word]
        elif word in _TENS and part % 100 == 0:
            part += _TENS[word]
        elif word == "hundred" and 0 < part < 10:
            part *= 100
        elif word in _SCALES and part and not 0 < largest <= _SCALES[word]:
            total, part, largest = total + part * _SCALES[word], 0, _SCALES[word]
        else:
            return words
    return str(total + part)
