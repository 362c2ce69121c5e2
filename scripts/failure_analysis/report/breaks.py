"""The block "Where in the run it broke": by agent, by third of the run, and how long it went on."""

from collections import Counter
from collections.abc import Iterator

from failure_analysis import facts
from failure_analysis.markdown import code, listed, table
from failure_analysis.review import break_counts, counting
from failure_analysis.review.break_counts import Break

_MOST_AGENTS = 30
_MOST_MODELS = 12


def block(counts: counting.Counts) -> str:
    """The text of the block; some reader names a step."""
    found = [*break_counts.breaks(counts).values()]
    text = [_coverage(counts, len(found))]
    if not found:
        return text[0]
    text += [_by_agent(found, counts), _by_third(found), _to_end(found)]
    if also := sum(each.has_also for each in found):
        text.append(f"In {also} of {len(found)} a reader names other steps beside it, the repair "
                    "of each of which alone would have done.")
    return "\n\n".join(text)


def counted(counts: counting.Counts) -> Iterator[str]:
    """The same in a line, for the second reader; nothing where nobody names a step."""
    found = [*break_counts.breaks(counts).values()]
    if found:
        agents = [f"{code(agent)} {count}" for agent, count in
                  Counter(each.agent for each in found).most_common()]
        thirds = Counter(each.third for each in found)
        yield (f"- broke at a step that is named: {len(found)} of {counts.reviewed.total()} "
               f"reviewed failures; by agent: {listed(agents, _MOST_AGENTS)}; by third of the run: "
               + ", ".join(f"{third} {thirds[third]}" for third in break_counts.THIRDS)
               + f"; {_to_end(found).lower()}")


def _coverage(counts: counting.Counts, named: int) -> str:
    """How many of the reviewed have steps, and a step that is named."""
    reviewed, differing = counts.reviewed.total(), break_counts.differing(counts)
    apart = f"; on {differing} more the readers name different steps" if differing else ""
    return (f"{break_counts.with_steps(counts)} of {reviewed} reviewed failures have steps "
            "(messages, counted from 0). The step whose repair alone would have changed the "
            f"outcome is named and undisputed in {named} of those that are decided{apart}.")


def _by_agent(found: list[Break], counts: counting.Counts) -> str:
    """Whose step it was; of each model, where both agents and models are several."""
    agents = Counter(each.agent for each in found)
    both = Counter((each.agent, each.model) for each in found)
    of_models = Counter(each.model for each in found)
    models = [name for name in counting.models(counts) if of_models[name]][:_MOST_MODELS] \
        if len(agents) > 1 and len(of_models) > 1 else []
    order = sorted(agents, key=lambda agent: (-agents[agent], agent))
    lines = [[code(agent), f"{agents[agent]} of {len(found)}",
              *(both[agent, model] for model in models)] for agent in order[:_MOST_AGENTS]]
    heads = [f"{code(name)} ({of_models[name]} with a step)" for name in models]
    more = len(order) - _MOST_AGENTS
    return table(["agent", "broke at its step", *heads], lines) \
        + (f"\n\n{more} more agents in {facts.NAME}." if more > 0 else "")


def _by_third(found: list[Break]) -> str:
    thirds = Counter(each.third for each in found)
    return table(["third of the run", "broke in it"],
                 [[third, f"{thirds[third]} of {len(found)}"] for third in break_counts.THIRDS])


def _to_end(found: list[Break]) -> str:
    low, median, high = break_counts.quartiles(found)
    longest = max(each.to_end for each in found)
    return f"Steps from the error to the end of the run: median {median}, quartiles {low} and " \
           f"{high}, at most {longest}."
