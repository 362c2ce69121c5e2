"""BFCL runs: `result/MODEL/…_result.json` has every answer, `score/MODEL/…_score.json` a summary
and the failing rows alone. What the score file does not name passes; which answer a failing row is
about, older score files say by its line."""

import json
import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis import files
from failure_analysis.datapoint import fingerprint, is_number
from failure_analysis.records import Line, Source

NAME = "bfcl"
ABOUT = "BFCL, result/MODEL/…_result.json and score/MODEL/…_score.json, or one of them alone"
_PREFIX = "gorilla_openfunctions_v1_test_"
_NUMBERED = re.compile(r"_\d+$")
_FILE = re.compile(rf"(?:{_PREFIX})?(?:BFCL_(v\d+)_)?(.+)_(result|score)\.json")
_FOLDER = re.compile(r"(result|score)([-_].*)?")
_OTHER = {"result": "score", "score": "result"}
_SUMMARY = {"accuracy", "correct_count", "total_count"}
_RUN = {"latency", "input_token_count", "output_token_count"}
_ROLES = {"user", "assistant", "tool", "system"}
_FAILED_CALL = "Error during inference"
_LONGEST = 4000
_MOST_ASKED = 5


class Pair(NamedTuple):
    """The answers of one model in one category, and their scores; one of the two may be missing."""

    result: Path | None
    score: Path | None

    @property
    def own(self) -> tuple[Path, ...]:
        """The files that are there."""
        return tuple(path for path in self if path is not None)


class Read(NamedTuple):
    """A pair's rows, each with its verdict (None: unknown), what its score file says of it, and its
    path and line; where the two files do not agree; and lines that are no JSON objects."""

    rows: list[tuple[dict, bool | None, dict, Path, files.JsonLine]]
    differences: list[str]
    broken: list[tuple[Path, files.JsonLine]]


def matches(path: Path) -> str | None:
    """Says why the file, or the files below the folder, are results or scores of BFCL, or None."""
    if path.is_dir():
        found = _below(path)
        return f"{len(found)} result and score files below {path.name}" if found else None
    named = _FILE.fullmatch(files.bare_name(path))
    if named is None or not path.is_file():
        return None
    try:
        first = [line.value for line in islice(files.json_lines(path), _MOST_ASKED)]
    except files.Refusal:
        return None
    if not first or not all(isinstance(record, dict) for record in first):
        return None
    is_versioned = bool(named[1]) or path.name.startswith(_PREFIX)
    if named[3] == "score":
        is_one = all(is_number(first[0].get(name)) for name in _SUMMARY) and all(
            {"id", "valid", "test_category"} <= record.keys() for record in first[1:])
        return f"named {path.name}, begins with {', '.join(sorted(_SUMMARY))}" if is_one else None
    is_one = all("result" in record and ("id" in record or "idx" in record) for record in first) \
        and (is_versioned or any(record.keys() >= _RUN for record in first))
    return f"named {path.name}, has id and result, and what calls took" if is_one else None


def _below(folder: Path) -> list[Path]:
    return sorted(path for root, _, names in os.walk(folder) for name in names
                  if _FILE.fullmatch(files.bare_name(Path(name)))
                  and matches(path := Path(root, name)))


def sources(path: Path, why: str) -> list[Source]:
    """One run per model in a folder; the run of one category for a file."""
    if not path.is_dir():
        pair = _pair(path)
        return [_source(path, f"{_model_folder(path)}.{_category(path)}", why, [pair])]
    models: dict[Path, dict[Pair, None]] = {}
    for file in _below(path):
        pair = _pair(file)
        models.setdefault(_place(pair.own[0]), {})[pair] = None
    return [_source(place, place.name, why, list(pairs)) for place, pairs in models.items()]


def _source(path: Path, run_id: str, why: str, pairs: list[Pair]) -> Source:
    differences = tuple(text for pair in pairs for text in _read(pair).differences)
    return Source(format=NAME, path=path, run_id=run_id, model_name=_model(pairs), benchmark=NAME,
                  why=why, files=tuple(file for pair in pairs for file in pair.own),
                  grader="BFCL", differences=differences)


def _model(pairs: list[Pair]) -> str:
    """The model as score files name it, else the folder."""
    for pair in pairs:
        for line in islice(files.json_lines(pair.score), 1, 2) if pair.score else ():
            if isinstance(line.value, dict) and isinstance(line.value.get("model_name"), str):
                return line.value["model_name"]
    return _model_folder(pairs[0].own[0])


def _layout(path: Path) -> int | None:
    """The place, in the parts of a path, of the folder result or score; None without one."""
    parts = path.absolute().parts[:-2]
    return next((place for place in range(len(parts) - 1, 0, -1)
                 if _FOLDER.fullmatch(parts[place])), None)


def _place(path: Path) -> Path:
    """The folder of the model that a file is of, the results' where both are there."""
    place = _layout(path)
    if place is None:
        return path.parent
    return path.parents[len(path.absolute().parts) - place - 3]


def _model_folder(path: Path) -> str:
    return _place(path).absolute().name


def _category(path: Path) -> str:
    return _FILE.fullmatch(files.bare_name(path))[2]


def _pair(path: Path) -> Pair:
    """The file and its other half, beside it or in the folder of the same name below score or
    result."""
    kind = _FILE.fullmatch(files.bare_name(path))[3]
    other = _OTHER[kind]
    name = f"{files.bare_name(path).removesuffix(f'_{kind}.json')}_{other}.json"
    names = [name.removeprefix(_PREFIX), name, f"{_PREFIX}{name}"]
    folders = [path.parent]
    place = _layout(path)
    if place is not None:
        parts = path.parts
        at = place - len(path.absolute().parts) + len(parts)
        if at >= 0:
            swapped = _FOLDER.sub(rf"{other}\2", parts[at], count=1)
            folders.append(Path(*parts[:at], swapped, *parts[at + 1:-1]))
    found = next((file for folder in folders for one in names for end in ("", *files.COMPRESSED)
                  if (file := folder / f"{one}{end}").is_file() and matches(file)), None)
    return Pair(path, found) if kind == "result" else Pair(found, path)


def _read(pair: Pair) -> Read:
    """The rows of a pair, with where its files do not agree."""
    results, scored = _lines(pair.result), _lines(pair.score)
    answers, failing = list(filter(_is_object, results)), list(filter(_is_object, scored[1:]))
    broken = [(path, line) for path, lines in zip(pair, (results, scored), strict=True)
              for line in lines if not _is_object(line)]
    summary = scored[0].value if scored else {}
    by_id = {str(line.value["id"]): line for line in answers if "id" in line.value}
    verdicts: dict[int, files.JsonLine] = {}
    alone, others = [], 0
    for line in failing:
        answer = _answer(line.value, results, by_id)
        if answer is None or not _is_object(answer) or answer.number in verdicts:
            alone.append(line)
            continue
        verdicts[answer.number] = line
        others += _is_by_line(line.value) and _given(line.value) not in (
            None, answer.value.get("result"))
    total, correct = (summary.get(name) for name in ("total_count", "correct_count"))
    said = [line for line in failing if line.value.get("valid") is False]
    differences, is_whole = [], True
    if pair.score is not None and len(said) != total - correct:
        is_whole = False
        differences.append(f"failed rows: {pair.score} says {total - correct}, and has {len(said)}")
    if pair.score is not None and pair.result is None and correct:
        differences.append(
            f"passed rows: {pair.score} says {correct} of {total}, and names none of them: only "
            "what fails is known without the result file")
    elif pair.score is not None and pair.result is not None:
        if len(answers) + len(alone) != total:
            is_whole = False
            differences.append(f"rows: {pair.score} says {total}, {len(answers)} are in "
                               f"{pair.result}: which of them passed is not known")
        if alone:
            is_whole = False
            differences.append(f"failed rows: {len(alone)} of {pair.score} have no answer in "
                               f"{pair.result}")
        if others:
            is_whole = False
            differences.append(f"failed rows: {others} of {pair.score} judge another answer than "
                               f"is in the line of {pair.result} that they name")
    passes = True if pair.score is not None and is_whole else None
    rows = []
    for line in answers:
        verdict = verdicts.get(line.number)
        valid = passes if verdict is None else verdict.value.get("valid")
        rows.append((line.value, valid, verdict.value if verdict else {}, pair.result, line))
    rows += [({}, line.value.get("valid"), line.value, pair.score, line) for line in alone]
    return Read(rows, differences, broken)


def _lines(path: Path | None) -> list[files.JsonLine]:
    return list(files.json_lines(path)) if path is not None else []


def _is_object(line: files.JsonLine) -> bool:
    return isinstance(line.value, dict)


def _answer(verdict: dict, results: list[files.JsonLine], by_id: dict[str, files.JsonLine]
            ) -> files.JsonLine | None:
    """The answer that a failing row is about: by the id of its prompt or its own; where there is
    only a number, by the line, from 1."""
    ident = verdict.get("id")
    if _is_by_line(verdict):
        return results[ident - 1] if 0 < ident <= len(results) else None
    return by_id.get(_asked_id(verdict) or ident)


def _is_by_line(verdict: dict) -> bool:
    return type(verdict.get("id")) is int and _asked_id(verdict) is None


def _asked_id(verdict: dict) -> str | None:
    """The id of the prompt, which newer files repeat."""
    prompt = verdict.get("prompt")
    ident = prompt.get("id") if isinstance(prompt, dict) else None
    return ident if isinstance(ident, str) else None


def _given(verdict: dict) -> Any:
    """The answer as a failing row repeats it."""
    return verdict.get("model_result_raw", verdict.get("model_result"))


def read(source: Source) -> Iterator[Line]:
    """One line per answer; of what has no answer, per failing row."""
    done = set()
    for path in source.files:
        pair = _pair(path)
        if pair in done:
            continue
        done.add(pair)
        told = _read(pair)
        for answer, valid, verdict, file, line in told.rows:
            try:
                fields = _fields(answer, valid, verdict, file, line.number)
            except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
                yield Line(line.number, None, line.raw,
                           f"not the shape of a row of BFCL: {error!r}", path=file)
                continue
            yield Line(line.number, fields, path=file, content=hash(line.raw))
        for file, line in told.broken:
            yield Line(line.number, None, line.raw, line.reason or "a JSON object was expected",
                       path=file, cut_off=not line.raw)


def _fields(answer: dict, valid: Any, verdict: dict, file: Path, number: int) -> dict:
    version, category, _ = _FILE.fullmatch(files.bare_name(file)).groups()
    if valid is not None and type(valid) is not bool:
        raise ValueError(f"valid is {valid!r}, true or false was expected")
    prompt = verdict["prompt"] if isinstance(verdict.get("prompt"), dict) else {}
    item = _item(answer, verdict, prompt, category)
    given = answer.get("result", _given(verdict))
    broke = "traceback" in answer or (isinstance(given, str) and given.startswith(_FAILED_CALL))
    messages = _messages(answer.get("inference_log") or verdict.get("inference_log"))
    asked = _asked(prompt.get("question")) or "\n".join(
        message["content"] for message in messages if message["role"] == "user") or None
    names = [one["name"] for one in _objects(prompt.get("function"))
             if isinstance(one.get("name"), str)]
    error = verdict.get("error")
    kind = verdict.get("error_type") or (error.get("error_type") if isinstance(error, dict)
                                         else None)
    return {
        "item_id": item,
        # What passes says nothing of what was asked, so that no text can tell items apart.
        "item_fingerprint": fingerprint([version, item], None),
        "task": category,
        "user_text": asked,
        "assistant_text": given if isinstance(given, str) or given is None else _json(given),
        "messages": messages or None,
        "tool_calls": _calls(given, verdict.get("model_result_decoded",
                                                verdict.get("decoded_result")), names),
        "expected": _wanted(verdict.get("possible_answer", prompt.get("ground_truth")), names),
        "scores": {"valid": valid},
        "judge_reasoning": _words(error),
        "failure_class": kind if valid is False else None,
        "reasoning": "\n".join(_leaves(answer.get("reasoning_content"), str)) or None,
        "termination": "error" if broke else None,
        "prompt_tokens": _sum(answer.get("input_token_count")),
        "completion_tokens": _sum(answer.get("output_token_count")),
        "latency_ms": _sum(answer.get("latency"), 1000),
    }


def _item(answer: dict, verdict: dict, prompt: dict, category: str) -> str:
    """The id that BFCL gives an item; of older files, made as later ones have it."""
    for ident in (answer.get("id"), prompt.get("id"), verdict.get("id")):
        if isinstance(ident, str):
            return ident
    number = answer["idx"] if "idx" in answer else verdict["id"] - 1
    if type(number) is not int:
        raise ValueError(f"idx is {number!r}, a whole number was expected")
    return f"{category}_{number}"


def _asked(question: Any) -> str | None:
    """A question: a text, or turns of messages."""
    if isinstance(question, str):
        return question
    return "\n".join(text for text in _leaves(question, str, "content")) or None


def _leaves(value: Any, kind: type, key: str = "") -> Iterator[Any]:
    """The values of a kind in lists within lists, those under a key of what is in them."""
    if isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, kind, key)
    elif isinstance(value, dict):
        yield from _leaves(value.get(key), kind, key)
    elif isinstance(value, kind) and value != "":
        yield value


def _messages(log: Any) -> list[dict]:
    """The conversation in an inference log: its messages, without the states of the world and what
    the handler noted."""
    if isinstance(log, list):
        return [message for part in log for message in _messages(part)]
    if not isinstance(log, dict):
        return []
    if "role" in log:
        if log["role"] not in _ROLES:
            return []
        content = log.get("content")
        return [{"role": log["role"],
                 "content": content if isinstance(content, str) else _json(content)}]
    return [message for part in log.values() for message in _messages(part)]


def _calls(given: Any, decoded: Any, names: list[str]) -> list[dict] | None:
    """The calls in an answer as the API or the decoder gave them, in order; None for text. A
    function bears the name that the prompt gives it, where an API takes no dots."""
    dotted = {name.replace(".", "_"): name for name in names}
    calls = []
    for value in (given, decoded):
        for one in _objects(value):
            calls += [{"name": dotted.get(name, name), "arguments": _loaded(arguments)}
                      for name, arguments in one.items()]
        if calls:
            break
    return calls or None


def _wanted(answer: Any, names: list[str]) -> Any:
    """The calls that are expected, each with the values that will do for each argument; what spells
    none as it stands. In older files one object holds them all, with a number behind the name of a
    function that is to be called again."""
    calls = [part for part in (answer if isinstance(answer, list) else [answer])
             if isinstance(part, dict)]
    if not calls or isinstance(answer, list) and len(calls) < len(answer):
        return answer
    found = [{"name": name if name in names or not names else _NUMBERED.sub("", name),
              "any_of": values} for part in calls for name, values in part.items()]
    return found if all(isinstance(call["any_of"], dict) and all(
        isinstance(value, list) and value for value in call["any_of"].values())
        for call in found) else answer


def _objects(value: Any) -> Iterator[dict]:
    if isinstance(value, dict):
        yield value
    for inner in value if isinstance(value, list) else ():
        yield from _objects(inner)


def _loaded(arguments: Any) -> Any:
    try:
        return json.loads(arguments) if isinstance(arguments, str) else arguments
    except (ValueError, RecursionError):
        return arguments


def _words(error: Any) -> str | None:
    """What the checker said, with the beginning of its details."""
    if isinstance(error, list):
        return "\n".join(part if isinstance(part, str) else _json(part) for part in error)
    if not isinstance(error, dict):
        return error if isinstance(error, str) else None
    said = error.get("error_message")
    details = _json(error["details"])[:_LONGEST] if error.get("details") else ""
    return "\n".join(part for part in (said if isinstance(said, str) else _json(said), details)
                     if part)


def _sum(value: Any, times: float = 1) -> float | None:
    """A number, or the sum of those in lists of turns and steps."""
    numbers = [number for number in _leaves(value, (int, float)) if is_number(number)]
    return sum(numbers) * times if numbers else None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
