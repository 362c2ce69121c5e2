"""What a question says of the form of its answer: where it says something, form is content."""

import re
from collections.abc import Mapping
from functools import lru_cache

from failure_analysis.patterns import re_compile

_FORMS = {
    "case": r"upper[- ]?case|lower[- ]?case|capitali[sz]|capital letters?\b|title[- ]case|all caps|"
            r"small letters?\b|case[- ]sensitiv|camel ?case|snake_?case|ascii|password|identifier|"
            r"variable name|file ?name|user ?name|spell|chemical (symbol|formula)|symbol (of|for)|"
            r"regular expr|\bcase\b[^.?!]{0,40}\b(matters?|counts?|kept|preserved)\b|"
            r"\b(keep|preserv|cop[yi]|retain|mind|match|respect|observ)\w* (the |its |their )?"
            r"(case|capitals)\b|\b(case|capitals) as (is|in|it|they|given|printed|written|shown)\b|"
            r"\b(own|exact|same|original) case\b|"
            r"\b(in|all|only) capitals\b(?! of)|\bcapitals (only|as)\b|\b(capital|small) "
            r"['\"‘“`]?[a-z]['\"’”`]?(?![\w'’ ])|\b(with|has|have|using) (a |an |its |the )?"
            r"(initial |inner |leading |two |three )?capitals?\b(?! of| cit| gain)",
    "number": r"\bdecimals?\b|\bin (digits|figures)\b|\bnumerals?\b|\bround(ed)?\b|"
              r"significant (figure|digit)|as an? (\w+ )?(fraction|"
              r"percent|percentage|ratio|integer|mixed number|common fraction)|simplest form|"
              r"simplified|\b(in|as a|fully|be|form) reduced\b|\breduced(?=\W*$| form| fraction| "
              r"ratio)|\breduce (the|your|it|to lowest)\b|irreducible|lowest terms|"
              r"scientific notation|\bnearest\b|(no|without|with|use) "
              r"(a |any |the )?(leading|trailing)|in words|improper fraction|as a percent|"
              r"\b(\d+|two|three|four|five|six|seven|eight|nine|ten|twelve|sixteen)[ -]digits?\b|"
              r"\b(with|keep|including) (its |the |all |any )?zeros\b",
    "commas": r"\bcommas?\b(?! between| and)|thousands|separators?\b|digits only|only digits",
    "date": r"\b(YYYY|YY|DD|MM)\b|\biso\b|\b(date|day|month|year)\b[^.?!]{0,30}\b(format|form)\b|"
            r"\bformat[^.?!]{0,30}\b(date|day|month|year)\b|\bHH\b|\b(12|24)[- ]hour\b|"
            r"\btime\b[^.?!]{0,30}\bformat\b",
    "unit": r"(no|without|omit|with|include|including|state|give) (a |any |the |its |your )?"
            r"(correct |right |proper )?(unit|currency|symbol|dollar sign|percent sign)|"
            r"digits only|only digits|(only|just) (a|the|one) (number|integer|digits?)|"
            r"(number|integer) only",
    "order": r"\bsort|\bordered\b|\b\w{3,}est first\b|^\W*order (?:the|these|them)\b|"
             r"\border by\b|\bin (the )?order of\b|\b(alphabetical|"
             r"chronological|ascending|descending)|\branked?\b|"
             r"\bfrom (high|low|large|small|old|new|long|short|big)\w* to\b|"
             r"in (this|that|the same|the following|the given) order",
    "stop": r"full stop|\bperiod at|with a period|(end|ending|ends|without|no) (with )?(a )?"
            r"(period|punctuation)|\bpunctuat",
    "exact": r"\bverbatim\b|exact(ly)? (match|format|string|text|wording|(\w+ )?output|"
             r"as (written|shown|given|printed))|"
             r"character[- ]for[- ]character|exactly (in )?(this|the following) (format|form)|"
             r"strictly follow|no other (text|characters)|(plain|raw) text|exactly as|"
             r"without (quotes|quotation|spaces)|no (quotes|spaces)|"
             r"\bcop(y|ied) exactly|exactly copied|"
             r"in (double |single )?quot(es|ation)|minified|white ?space|indent",
    "bare": r"\b(no|without|not?[^.?!;]{0,20} (in|inside|use|wrap\w*|add)|never[^.?!;]{0,20}|omit|"
            r"avoid|n't [^.?!;]{0,20}|free of|skip)( (in|with|using|a|any|the|triple|surrounding))*"
            r" (markdown|back-?ticks?|(code |markdown )?fenc(es?|ing)|code[ -]?(blocks?|fences?))|"
            r"\b(unfenced|raw|bare|plain) (json|code|output|python|sql|array|object)\b|"
            r"\bjson (only|alone)\b|only (the )?(valid |raw )?json|"
            r"\b(nothing|no (text|words?|prose|comments?)) (but|except|around|outside|besides?) "
            r"(the |a )?(valid )?(json|code|object|array)|directly parse?able",
    "fenced": r"\b(in|inside|within|as|use|using|with)( an?| one| single| triple| the| \w+)* "
              r"(code[ -]?blocks?|code fences?|fenced \w+|back-?ticks)\b",
    "marks": r"\bemojis?\b|\bbold|\bitalic|markdown|asterisk|\bhyphens?\b|\bdash(es)?\b|"
             r"bullet (sign|character)|\bstars?\b[^.?!]{0,20}\bbullet|(?<!\w)(['\"‘“`])"
             r"[-*•·+>~–—#]{1,3}['\"’”`](?!\w)|\b(start\w*|begin\w*|prefix\w*|mark\w*|lead\w*) "
             r"(each |every )?(\w+ )?with (an? )?[-*•·+>~–—#](?!\w)|\bplus signs?\b|\bhash(es)?\b",
    "json": r"\bjson\b",
    "types": r"\bint(eger)?s?\b|\bfloats?\b|\bnumeric\b|\bstrings?\b|\btyped?\b|\btypes\b|"
             r"schema|[\"']\s*:\s*(N|n|x|#|\d+|<\w+>)\s*[,}]|\(number|"
             r"\bas (a )?numbers?\b|: ?number\b",
    "output": r"\bprint\(|\brepr\b|console\.log|predict the output|\boutput of\b[^.?!]{0,60}\(|"
              r"\bwhat (does|will|is)\b([^.?!]|[.?!](?=\S)){0,80}\b(print|output|printed|log|echo|"
              r"display|write)\b",
}
_FORM = {name: re_compile(pattern, re.I) for name, pattern in _FORMS.items()}
_ONLY = re_compile(
    r"nothing else|(only|just) (with )?(the|a|an|one|your) (\w+ )?(answer|letter|word|number|name|"
    r"integer|value|option|choice|digit|date|city|result)|(answer|letter|word|number|name|value|"
    r"integer|result|output|translation) (only|alone)\b|"
    r"(respond|reply|answer) (only )?with (only|just|a single|one(?! of))|"
    r"no (explanation|other words)|without (any )?explanation|single (word|letter|number)|"
    r"\b(at most|no more than|in|within|up to|with) (one|two|three|four|five|\d) words?\b", re.I)
_ANY_ORDER = re_compile(
    r"(in )?any order|order( of [^.;,]{1,30})? (does not|doesn't|is not|isn't|will not) "
    r"(matter|important|count)|order (is )?(free|irrelevant|unimportant|not important)\b(?! of)|"
    r"regardless of (the )?order|unordered|"
    r"irrespective of (the )?order|no particular order|as a (multi)?set\b|"
    r"\b(give|list|find|name|state|write|determine|return) the (multi)?set of\b", re.I)
# A sentence that leaves a form free demands none of those that it names.
_FREE = re_compile(
    r"\b(does|do|will|is|are) ?n[o']t (matter|count|important|relevant|needed|required)\b|"
    r"\b(both|either|any|each|all)\b[^.?!;]{0,60}\b(fine|ok(ay)?|accepted|acceptable|allowed|count|"
    r"will do|welcome)\b|\bas you (like|please|prefer|wish)\b|\byou may (use|write|give)\b|"
    r"\b(irrelevant|unimportant)\b|\bor (?:the like|similar|something like)\b", re.I)
_WRAPPERS = {"boxed": re_compile(r"\\boxed"), "tag": re_compile(r"<answer>", re.I),
             "hashes": re_compile(r"####")}
_PAIRS = re_compile(r"\binterval|\bcoordinate|\bvector|\bordered pair|\bpoints?\b|\btuple", re.I)
_REASONS = re_compile(r"\bprove\b|\bproof\b|\bexplain|\bjustif|\bshow (your|all|the) (work|steps)|"
                      r"\bdescribe|\bwhy\b|\bessay|\bsummar|\btranslat|\bwrite a\b", re.I)


@lru_cache(maxsize=4)
def forms(question: str) -> frozenset[str]:
    """The sides of the form on which the question says something: case, number, commas, date,
    unit, order, stop, marks (of Markdown), types (of JSON), json, exact; `bare` where nothing may
    stand around JSON, `output` where it asks what a program prints, `only` where it wants the
    answer alone, `any order` where order is free, `pairs` where brackets
    mean something, `reasons` where more than a final answer is asked
    for, and the wrappers that it names (boxed, tag, hashes). Not what it says is free."""
    bound = " ".join(part for part in re.split(r"(?<=[.?!;])\s+|\n+", question)
                     if not _FREE.search(part)) if _FREE.search(question) else question
    asked = {name for name, pattern in _FORM.items() if pattern.search(bound)}
    asked |= {name for name, pattern in _WRAPPERS.items() if pattern.search(question)}
    for name, pattern in (("only", _ONLY), ("any order", _ANY_ORDER), ("pairs", _PAIRS),
                          ("reasons", _REASONS)):
        if pattern.search(question):
            asked.add(name)
    return frozenset(asked)


# What asks for members of a set by name: a verb or question word, and a noun of many.
_AMOUNT = r"(?:all |any |both )?(?:of )?(?:the |its |their )?(?:(?:two|three|four|five|six|seven|" \
          r"eight|nine|ten|\d+) )?"
_MEMBERS = re_compile(
    r"\b(?:select|choose|mark|tick|pick|check|name|list) (?:all|every\w*|each)(?: of)?(?: \w+)? "
    r"(?:that|which|who|apply)\b|"
    rf"\b(?:name|list|give|state|find|identify|mention|enumerate|extract|which|who (?:are|were)|"
    rf"what (?:are|were)) (?:me )?{_AMOUNT}(?:(?!and\b)[\w-]+ ){{0,3}}?"
    r"(?!\w*ss\b|(?:is|was|has|does|its|this)\b)[\w-]+s\b", re.I)
# What makes the order a part of it, or asks for one thing and another.
_ORDERED = re_compile(
    r"(?i:\b(?:then|first(?! names?\b)|last(?! names?\b)|second|third|next|steps?|stages?|phases?|"
    r"sequence|series|order(?:ed|ing)?|respectively|top|from|rank\w*|earliest|latest|largest|"
    r"smallest|highest|lowest|most|least|coordinates?|digits?|dimensions?|rows?|columns?|arrays?|"
    r"vectors?|matri\w+|tuples?|pairs?|points?|outputs?|prints?|returns?|elements?|terms?|minimum|"
    r"maximum|mean|each|every|left|right|increasing|decreasing|scores?|quotient|begin\w*|start\w*|"
    r"end\w*|path|route|or)\b)|\b[a-z]+ and (?:the |its |their |a |an )?(?![a-z]+ing\b)[a-z]+\b|"
    r"\b[a-z](?: and |, ?)[a-z]\b|[\[\]=]|\w\(")


@lru_cache(maxsize=4)
def members(question: str) -> bool:
    """Whether the question asks for members by name and says nothing of an order, so that any
    will do."""
    asked = asking(question)
    return bool(_MEMBERS.search(asked)) and not _ORDERED.search(
        re.sub(r"\b(name|list)\b", "", asked))


def asking(question: str) -> str:
    """The sentence that asks: the last one with a question mark, else the last one."""
    sentences = [part for part in re.split(r"(?<=[.?!])\s+|\n+", question) if part.strip()]
    return next((part for part in reversed(sentences) if "?" in part),
                sentences[-1] if sentences else "")


@lru_cache(maxsize=4)
def options(question: str) -> Mapping[str, str]:
    """The options of a multiple choice by letter; empty where the question lists none."""
    listed = re.findall(r"(?m)^[ \t]*\(?([A-J])[).:][ \t]+(\S.*?)[ \t]*$", question)
    if len(listed) < 2:
        listed = _IN_LINE.findall(question)
    letters = [letter.upper() for letter, _ in listed]
    return dict(zip(letters, (text for _, text in listed), strict=True)) \
        if len(listed) > 1 and "".join(sorted(letters)) == "ABCDEFGHIJ"[:len(listed)] else {}


# Options one behind the other: the last ends with its sentence.
_IN_LINE = re_compile(r"(?:(?<=[\s(])|^)\(?([A-Ja-j])[).:][ \t]+(\S.*?)"
                      r"(?=[,;.]?[ \t]+\(?[A-Ja-j][).:][ \t]|[.?](?:\s|$)|\n|$)", re.M)
