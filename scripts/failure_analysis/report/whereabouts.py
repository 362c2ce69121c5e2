"""Steps and agents that a sentence names, held against what the readers of the datapoints that it
cites say of them: a step is one that they name, or one in which a quote of the paragraph stands."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from failure_analysis.markdown import listed
from failure_analysis.report import meaning, prose, relations
from failure_analysis.report.amounts import STEPS
from failure_analysis.report.evidence import Evidence, Finding, Findings
from failure_analysis.report.names import ROLES, any_of, is_telling
from failure_analysis.report.prose import CITE, CODE, FACT, QUOTE, Sentence, Unit
from failure_analysis.review import located, parts
from failure_analysis.review.timeline import Step, step_at

_MASK = "\ue004"
_OF_TOOLS = ("tool", "function")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


class Said(NamedTuple):
    """What a sentence can rest on: the datapoints that it cites, else its paragraph does, and the
    quotes of the paragraph."""

    sentence: Sentence
    cited: Sequence[str]
    quotes: Sequence[str]


class Mention(NamedTuple):
    """A step that a sentence names: the words, and the place that they mean (17, 17.0); `loose` is
    the call that they mean in a datapoint without messages."""

    text: str
    place: str
    loose: str


def findings(unit: Unit, after: Unit | None, evidence: Evidence) -> Findings:
    """The steps and agents of a unit that nothing carries; a quote behind it belongs to it."""
    quote, quoted = prose.quoted(after) if after is not None and after.kind == "quote" else ("", [])
    sentences = prose.sentences(unit)
    quotes = [token.value for sentence in sentences for token in sentence.tokens
              if token.kind in (QUOTE, CODE)]
    quotes += [quote] if quote else []
    around = [token.value for sentence in sentences for token in sentence.all(CITE)] + quoted
    for sentence in sentences:
        own = [token.value for token in sentence.all(CITE)]
        own += quoted if sentence.masked.rstrip().endswith(":") else []
        cited = [ident for ident in dict.fromkeys(own or around)
                 if ident in evidence.analysis.counts.index.places]
        said = Said(sentence, cited, quotes)
        for verdict, text, why in (*_wrong_steps(said, evidence), *_wrong_agents(said, evidence)):
            yield Finding(sentence.line, verdict, text, why)


def _wrong_steps(said: Said, evidence: Evidence) -> Iterator[tuple[str, str, str]]:
    """The steps that none of the cited datapoints carries, and those that are another agent's than
    the sentence names."""
    named = _named(said, evidence)
    for mention in _mentions(said.sentence, evidence):
        holding = [ident for ident in said.cited if _holds(mention, ident, said, evidence)]
        if not holding:
            yield "wrong_step", mention.text, _why_not(mention, said.cited, evidence)
            continue
        owners = {step.agent for ident in holding
                  if (step := step_at(mention.place, evidence.line(ident)))}
        if named and owners and not owners & {*named, *ROLES}:
            yield "wrong_agent", mention.text, f"that step is {_of(owners)}, not {_of(named)}"


def _of(agents: set[str]) -> str:
    return ", ".join(f"{agent}'s" for agent in sorted(agents))


def _mentions(sentence: Sentence, evidence: Evidence) -> Iterator[Mention]:
    """The steps that a sentence names. Names of models, items and the like are none, and a turn may
    be an item."""
    names = evidence.names
    text = "".join(
        names.any_name.sub("", token.source) if not token.kind else token.value
        if token.kind == CODE and token.value not in names.spans else _MASK
        for token in sentence.tokens)
    for match in STEPS.finditer(text):
        if match["nth"]:  # the 1st step is step 0
            yield Mention(match[0], str(int(match["nth"]) - 1), "")
            continue
        word = match["word"].lower().rstrip("s")
        for number in _NUMBER.findall(match["places"]):
            if not (word == "turn" and number in names.items):
                yield Mention(match[0], number, f"call-{number}" if word == "call" else "")


def _holds(mention: Mention, ident: str, said: Said, evidence: Evidence) -> bool:
    """Whether readers of a datapoint name a step, or a quote of the paragraph stands in it."""
    line, row_parts = evidence.line(ident), evidence.parts(ident)
    step = step_at(mention.place, line)
    if any(call.place == mention.loose for call in line.loose):
        pair = {mention.loose, mention.loose.replace("call", "result")}
        return any(pair & {*parts.names(quote, row_parts)} for quote in _long(said, row_parts))
    return step is not None and (
        any(_is_same(mention.place, place) for place in _places(ident, evidence))
        or any(step.index in located.quote_steps(quote, row_parts, line)
               for quote in _long(said, row_parts)))


def _long(said: Said, row_parts: list[parts.Part]) -> list[str]:
    """The quotes that prove something of a datapoint."""
    return [quote for quote in said.quotes if not parts.too_short(quote, row_parts)]


def _places(ident: str, evidence: Evidence) -> list[str]:
    """The steps that readers of a datapoint name, of those that it has."""
    return [place for review in evidence.reviews(ident)
            for place in (review.step, review.second, *review.also)
            if step_at(place, evidence.line(ident))]


def _is_same(place: str, other: str) -> bool:
    """Whether two places are the same step, and the same call where both name one."""
    step, _, call = place.partition(".")
    other_step, _, other_call = other.partition(".")
    return int(step) == int(other_step) and (not call or not other_call or call == other_call)


def _why_not(mention: Mention, cited: Sequence[str], evidence: Evidence) -> str:
    """Why no cited datapoint carries a step, and what to write instead."""
    if not cited:
        return "cite the datapoint whose step that is"
    place, reasons = mention.place, []
    for ident in cited[:3]:
        steps = evidence.line(ident).steps
        if not steps:
            reasons.append(f"{ident} has no messages, so no steps: say `call 3` of a call-3 that "
                           "is quoted, or leave the number out")
        elif not step_at(place, evidence.line(ident)):
            reasons.append(f"{ident} has no step {place}: its steps are 0 to {len(steps) - 1}")
        else:
            named = list(dict.fromkeys(_places(ident, evidence)))
            reasons.append(f"the readers of {ident} name {located.spelled(named)}")
    return f"{'; '.join(reasons)}. Steps are counted from 0 (that is step {place}): name one " \
           f"that its readers name, or quote in this paragraph what stands in step {place}"


def _named(said: Said, evidence: Evidence) -> set[str]:
    """The agents that a sentence names, but for those whose number it binds: those of its
    datapoints and of the ledger, plain words in backticks alone. None where no reader names one."""
    names = evidence.names
    if not names.agents:
        return set()
    agents = names.agents.union(*(_agents(ident, evidence) for ident in said.cited))
    telling = any_of(filter(is_telling, agents))
    named: set[str] = set()
    for token in said.sentence.tokens:
        named |= {token.value} & agents if token.kind == CODE else \
            set(telling.findall(token.source)) if not token.kind else set()
    bound = {word for token in said.sentence.all(FACT) for key in relations.keys(token.value)
             for word in meaning.parsed(key, names.models)[1].split("/")}
    return named - bound


def _agents(ident: str, evidence: Evidence) -> set[str]:
    """The agents of a datapoint that are called as nothing else is."""
    names = evidence.names
    found = {step.agent for step in evidence.line(ident).steps if _speaks(step)}
    return found - ROLES - (names.spans - names.agents)


def _speaks(step: Step) -> bool:
    return step.role not in _OF_TOOLS


def _wrong_agents(said: Said, evidence: Evidence) -> Iterator[tuple[str, str, str]]:
    """Agents that no cited datapoint has; and those named where readers name another one, unless
    what they say is quoted. One of several that a sentence names may be whom the readers mean."""
    named = _named(said, evidence)
    if not named or not said.cited:
        return
    there = set().union(*(_agents(ident, evidence) for ident in said.cited))
    for agent in sorted(named - there):
        yield "wrong_agent", agent, f"no message of {listed(said.cited, 3)} is its own; the " \
                                    f"agents are {listed(sorted(there)) or 'not named'}"
    recorded = set().union(*(_recorded(ident, evidence) for ident in said.cited))
    if named & there and recorded and not named & (recorded | _quoted(said, evidence)):
        yield ("wrong_agent", listed(sorted(named & there)),
               f"the readers of {listed(said.cited, 3)} name {listed(sorted(recorded))}; name "
               "that beside it, or quote in this paragraph what it says")


def _recorded(ident: str, evidence: Evidence) -> set[str]:
    """The agents that readers of a datapoint name, and those of the steps that they name."""
    return {review.agent for review in evidence.reviews(ident) if review.agent} | {
        step_at(place, evidence.line(ident)).agent for place in _places(ident, evidence)}


def _quoted(said: Said, evidence: Evidence) -> set[str]:
    """The agents in whose steps a quote of the paragraph stands."""
    return {evidence.line(ident).steps[index].agent for ident in said.cited
            for quote in _long(said, evidence.parts(ident))
            for index in located.quote_steps(quote, evidence.parts(ident), evidence.line(ident))}
