"""How a file of rules is written; templates/heuristics.yaml says the same in words. Imported only
where rules are read: pydantic takes its time."""

import re
from collections import Counter
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from failure_analysis import clean, user_files
from failure_analysis.datapoint import SIGNALS

NOT_BY_A_RULE = ("failure_class", "no_rule")  # what error_mode_rule says of other labels
_SLUG = re.compile(r"[a-z][a-z0-9_]*")


def _slug(word: str) -> str:
    if not _SLUG.fullmatch(word):
        raise ValueError(f"{word!r} is no snake_case word")
    return word


def _lower(text: str) -> str:
    """Texts of a row are put in lower case once, so a pattern in upper case could never match."""
    plain = re.sub(r"\\.", "", text)
    if not text or plain != plain.lower():
        raise ValueError(f"text in lower case is expected, {text!r} could never match"
                         if text else "an empty text is in every row")
    if text != clean.visible(text):
        raise ValueError(f"{text!r} has a control character; write a regex in single quotes")
    return text


def _compiles(pattern: str) -> str:
    try:
        re.compile(_lower(pattern))
    except re.error as error:
        raise ValueError(f"regex {pattern!r}: {error}") from None
    return pattern


def _signal(name: str) -> str:
    if name not in SIGNALS:
        raise ValueError(f"no signal {name}; {user_files.nearest(name, sorted(SIGNALS))}")
    return name


def _apart(rules: "list[Rule]") -> "list[Rule]":
    twice = [name for name, count in Counter(rule.name for rule in rules).items() if count > 1]
    if twice:
        raise ValueError(f"two rules are called {twice[0]}")
    taken = next((rule.name for rule in rules if rule.name in NOT_BY_A_RULE), None)
    if taken:
        raise ValueError(f"no rule may be called {taken}: so are labels that no rule gave")
    return rules


_listed = BeforeValidator(lambda value: value if isinstance(value, list) else [value])
Slug = Annotated[str, AfterValidator(_slug)]
Words = Annotated[list[str], _listed]
Lower = Annotated[list[Annotated[str, AfterValidator(_lower)]], _listed, Field(min_length=1)]
Patterns = Annotated[list[Annotated[str, AfterValidator(_compiles)]], _listed,
                     Field(min_length=1)]
Signals = Annotated[list[Annotated[str, AfterValidator(_signal)]], _listed]
Numbers = Annotated[list[float], _listed, Field(min_length=1)]


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Test(_Written):
    """A test names a field and one kind with its values, or a signal, or both."""

    field: str | None = None
    signal: Signals = []
    contains: Lower = []
    regex: Patterns = []
    starts_with: Lower = []
    equals: Annotated[list[Any], _listed] = []
    at_least: Numbers = []
    at_most: Numbers = []
    above: Numbers = []
    below: Numbers = []

    @property
    def kinds(self) -> list[str]:
        """The kinds of test that are written: one, or none of a signal that is just there."""
        return sorted(self.model_fields_set - {"field", "signal"})

    @model_validator(mode="after")
    def _whole(self) -> "Test":
        alone = bool(self.signal) and self.model_fields_set == {"signal"}
        if not alone and (len(self.kinds) != 1 or self.field is None):
            kinds = [name for name in type(self).model_fields if name not in ("field", "signal")]
            raise ValueError(f"a test is {{field: …, one of {', '.join(kinds)}: …}}, or "
                             "{signal: …}")
        return self


class When(_Written):
    """To which rows a rule speaks at all."""

    format: Words = []
    dimension: Words = []


class Rule(_Written):
    """A rule and the mode that it gives."""

    name: Slug
    mode: Slug | None = None
    when: When | None = None
    any: list[Test] | None = None
    all: list[Test] | None = None
    none: list[Test] | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Rule":
        if not self.any and not self.all and not (self.when and self.when.dimension):
            raise ValueError("a rule needs any, all or when.dimension")
        return self


class RuleFile(_Written):
    """A whole file."""

    rules: Annotated[list[Rule], Field(min_length=1), AfterValidator(_apart)]
