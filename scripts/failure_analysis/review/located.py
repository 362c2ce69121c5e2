"""Where in its datapoint a review says that it broke: steps and an agent, held against the
messages."""

from collections.abc import Mapping, Sequence
from typing import Any

from failure_analysis.review import parts
from failure_analysis.review.timeline import Timeline, step_at, steps_of, timeline

_MOST_SPELLED = 6
KEYS = ("step", "agent", "second", "also", "fix")


def is_located(entry: Mapping[str, Any]) -> bool:
    """Whether an entry says anything of steps or agents."""
    return any(entry[name] for name in KEYS)


def placed(entry: Mapping[str, Any], row: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """An entry that fits its datapoint, with the agent of its step where it names none, and what is
    to be said of it: the step, and quotes that stand in several."""
    line = timeline(row)
    step = step_at(entry["step"], line) if entry["step"] else None
    if not step:
        return dict(entry), ""
    entry = {**entry, "agent": entry["agent"] or step.agent}
    row_parts = parts.parts(row)
    several = [f"quote {number} stands in {spelled(places)}"
               for number, quote in enumerate(entry["quotes"], 1)
               if len(places := quote_steps(quote, row_parts, line)) > 1]
    return entry, "; ".join((f"step {entry['step']} ({entry['agent']})", *several))


def wrong(entry: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """Why what an entry says of steps and agents does not fit its datapoint; empty when it does."""
    ident, line = row["datapoint_id"], timeline(row)
    named = [place for place in (entry["step"], entry["second"], *entry["also"]) if place]
    if named and not line.steps:
        return f"{ident} has no messages, so no steps; leave --step out, the quote names its part"
    if named and not entry["step"]:
        return "--second and --also are beside a --step"
    for place in named:
        if not step_at(place, line):
            return f"{ident} has no step {place}: its steps are 0 to {len(line.steps) - 1}, and " \
                   "17.0 is the first call of step 17"
    if len({_index(place) for place in (entry["step"], *entry["also"]) if place}) \
            < bool(entry["step"]) + len(entry["also"]) or entry["second"] == entry["step"] != "":
        return "a step is named twice"
    if reason := _wrong_agent(entry, line):
        return reason
    return _unquoted(entry, row, line) if entry["step"] else ""


def _wrong_agent(entry: Mapping[str, Any], line: Timeline) -> str:
    """Why the agent is not that of the step, or none of the datapoint."""
    if not entry["agent"]:
        return ""
    if step := step_at(entry["step"], line):
        return "" if entry["agent"] == step.agent else \
            f"step {entry['step']} is {step.agent}'s, not {entry['agent']}'s"
    agents = dict.fromkeys(step.agent for step in line.steps)
    return "" if entry["agent"] in agents else \
        f"no message is {entry['agent']}'s; agents are {', '.join(agents) or 'not recorded'}"


def _unquoted(entry: Mapping[str, Any], row: Mapping[str, Any], line: Timeline) -> str:
    """Why no quote is from the step."""
    row_parts = parts.parts(row)
    standing = [quote_steps(quote, row_parts, line) for quote in entry["quotes"]]
    if any(_index(entry["step"]) in places for places in standing):
        return ""
    found = "; ".join(f"quote {number} stands in {spelled(places)}"
                      for number, places in enumerate(standing, 1))
    return f"no quote is from step {entry['step']} ({found}); quote what stands there"


def quote_steps(quote: str, row_parts: Sequence[parts.Part], line: Timeline) -> list[int]:
    """The steps in which a quote stands, in order; none for one that stands in no message. What is
    asked and expected belongs to step 0, where the task stands."""
    asked = {"question", "expected"} & {*parts.names(quote, list(row_parts))} if line.steps else ()
    return sorted({*message_steps(quote, row_parts, line), *([0] if asked else [])})


def message_steps(quote: str, row_parts: Sequence[parts.Part], line: Timeline) -> list[int]:
    """The steps in whose messages, calls or results a quote stands, in order."""
    places = steps_of(line)
    return sorted({index for name in parts.names(quote, list(row_parts))
                   for index in places.get(name, ())})


def spelled(places: Sequence[int | str]) -> str:
    """Steps in words."""
    if not places:
        return "no step"
    shown = ", ".join(map(str, places[:_MOST_SPELLED]))
    more = f" and {len(places) - _MOST_SPELLED} more" if len(places) > _MOST_SPELLED else ""
    return f"step{'s' * (len(places) > 1)} {shown}{more}"


def _index(place: str) -> int:
    return int(place.partition(".")[0])
