"""The prompts, made from the templates in templates/prompts/, and the one repair of an answer."""

import hashlib
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from failure_analysis import clean
from failure_analysis.coding import model
from failure_analysis.coding.calls import Answer, Get
from failure_analysis.markdown import fence

if TYPE_CHECKING:
    from jinja2 import Template

FOLDER = Path(__file__).resolve().parents[3] / "templates" / "prompts"


@lru_cache(32)
def _template(name: str) -> "Template":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(loader=FileSystemLoader(FOLDER), undefined=StrictUndefined,
                       trim_blocks=True, lstrip_blocks=True).get_template(f"{name}.md.j2")


def render(name: str, **values: Any) -> str:
    """A prompt; the values are inserted as they are, never read as a template."""
    return _template(name).render(**values).strip() + "\n"


class Settled(NamedTuple):
    """A request that needs nothing more: its answers (two after a repair), the one that stands with
    its value, or the state that it ended in, and what is still wrong with the value."""

    answers: tuple[Answer, ...]
    value: Any
    state: str
    reason: str
    problems: tuple[str, ...]
    stands: Answer


def settle(settings: model.Settings, request: model.Request, get: Get,
           judged: Callable[[model.Request, Answer], tuple[Any, Sequence[str]]],
           of: str) -> Settled | model.Request:
    """A request with its answer and, where that is not as it should be, one repair; or the request
    that is to be made next. `judged` gives the value of an answer and all that is wrong with it."""
    first = get(request.key)
    if first is None:
        return request
    value, problems = judged(request, first)
    if first.state not in ("ok", "unparsed") or not problems:
        return Settled((first,), value, first.state, first.reason, (), first)
    again = repair(settings, request, first, problems, of)
    second = get(again.key)
    if second is None:
        return again
    better, left = judged(again, second)
    if better is not None and (value is None or len(left) <= len(problems)):
        return Settled((first, second), better, "ok", "", tuple(left), second)
    if value is not None:  # the repair made it no better
        return Settled((first, second), value, "ok", "", tuple(problems), first)
    return Settled((first, second), None, second.state, second.reason, (), second)


def repair(settings: model.Settings, request: model.Request, answer: Answer,
           problems: Sequence[str], of: str) -> model.Request:
    """The one request for a better answer; `of` is what the prompt's mark marks."""
    instructions, prompt = texts(request)
    text = render("repair", prompt=prompt.rstrip(), of=of, mark=request.mark,
                  answer=clean.visible(answer.text).replace(request.mark, "(mark)"),
                  problems=[line(problem).replace(request.mark, "(mark)") for problem in problems])
    return model.new_request(settings, f"{request.name} repair", request.mark, request.shape,
                             instructions, text)


def texts(request: model.Request) -> tuple[str, str]:
    """The instructions and the input of a request."""
    body = request.body
    if request.api == "responses":
        return body["instructions"], body["input"]
    return tuple(message["content"] for message in body["messages"])


def readable(request: model.Request) -> str:
    """A request as a page for a person."""
    instructions, text = texts(request)
    return (f"# The first prompt\n\nInstructions:\n\n{fence(instructions, len(instructions))}\n\n"
            f"Input:\n\n{fence(text, len(text))}\n")


def line(text: str) -> str:
    """A text as one line, with control characters spelled out."""
    return " ".join(clean.visible(text).split())


def name(text: str) -> str:
    """A benchmark's name as instructions may hold it: it comes from the runs, so no sentence."""
    return re.sub(r"[^\w.+-]+", "_", text)[:60]


def digest(*names: str) -> str:
    """A hash of templates: another wording is another setting."""
    text = b"".join((FOLDER / f"{name}.md.j2").read_bytes() for name in names)
    return hashlib.sha256(text).hexdigest()[:12]


def background(benchmark: str, format_name: str, path: Path | None) -> dict[str, str]:
    """What is told of the benchmark: a benchmark.yaml's `background`, else ours for its name, else
    ours for the format."""
    import yaml

    from failure_analysis.reading import mapping_file

    told = mapping_file.settings(path).background if path else None
    words = told.model_dump() if told else None
    if words is None:
        backgrounds = yaml.safe_load((FOLDER / "backgrounds.yaml").read_text(encoding="utf-8"))
        words = next((backgrounds[name] for name in backgrounds if benchmark.startswith(name)),
                     backgrounds.get(format_name, {}))
    return {name: clean.visible(words.get(name, "")).strip()
            for name in ("what_it_tests", "tool_access", "rewards")}
