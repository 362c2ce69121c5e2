"""Broken files and mappings: no traceback, no lost row, nothing raw on the terminal, and the same
counts from check_mapping.py and build_packet.py, whatever stands in either.

Cases are made from a seed: a world that reads well, then damage to its data, its bytes or its
mapping. How many rows there are is counted here anew, from what was written."""

import contextlib
import copy
import datetime
import gzip
import importlib.util
import io
import json
import os
import random
import re
import shutil
import signal
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
import zstandard

import hostile

SECONDS = 20  # for a case: longer than any takes, shorter than one that hangs
QUICK, WHOLE, SHARDS, SCRIPTS = 150, 1200, 2, 100
_RAW = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069"
    "\ufeff\ud800-\udfff]"
)
PACKET = (
    "outcomes.csv",
    "failure_review_rows.jsonl",
    "failure_review_rows.csv",
    "rejected_rows.jsonl",
    "sanity.json",
    "facts.json",
)
Rng = random.Random


class World(NamedTuple):
    """Files below a folder (name -> documents or bytes), and a mapping that reads them. `rows`: how
    many rows there are, where that can be told."""

    files: dict[str, Any]
    mapping: dict[str, Any]
    rows: int | None


class Case(NamedTuple):
    """What is on disk, what the mapping file holds, what the scripts are given, and how many rows
    an independent count says there are (None: it cannot be told)."""

    files: dict[str, bytes]
    mapping: bytes
    items: bytes
    given: list[str]
    rows: int | None


# Worlds that read well


def _flat(rng: Rng) -> World:
    rows = [
        {
            "id": f"q{n % 5}",
            "model": f"m{n // 5}",
            "question": f"What is {n % 5}?",
            "answer": f"It is {n}",
            "gold": {"a": n % 5},
            "ok": bool(n % 3),
            "score": n / 10,
            "verdict": ["CORRECT", "INCORRECT", "error"][n % 3],
            "tokens": 12 + n,
            "why": None,
        }
        for n in range(10)
    ]
    mapping = {
        "benchmark": "flat",
        "fields": {
            "item_id": "id",
            "model_name": "model",
            "user_text": "question",
            "expected": "gold",
            "assistant_text": "answer",
            "judge_reasoning": {"at": "why", "optional": True},
            "prompt_tokens": "tokens",
            "scores": {
                "ok": "ok",
                "high": {"at": "score", "at_least": 0.5},
                "verdict": {"at": "verdict", "pass": "CORRECT", "unjudged": ["error"]},
            },
        },
        "expected": {"rows": 10, "items": 5, "models": ["m0", "m1"]},
    }
    return World({"rows.jsonl": rows}, mapping, 10)


def _nested(rng: Rng) -> World:
    document = {
        "suite": "sums",
        "stats": {"n": 6, "accuracy": 0.5},
        "results": [
            {
                "question": f"{n}+{n}",
                "expected": n,
                "completions": [
                    {"response": f"{n}", "epoch": 1, "score": 1},
                    {"response": "?", "epoch": 2, "score": 0},
                ],
            }
            for n in range(3)
        ],
    }
    mapping = {
        "benchmark": "nested",
        "each": {"doc": "@", "question": "results[]", "answer": "completions[]"},
        "fields": {
            "item_id": "question.question",
            "run_id": "file.stem",
            "model_name": {"value": "m"},
            "task": "doc.suite",
            "assistant_text": "response",
            "expected": {"n": "expected"},
            "reward": "score",
        },
        "threshold": 1.0,
        "trial_of": "epoch",
        "expected": {"rows": "stats.n"},
    }
    return World({"gpt-4o.json": document}, mapping, 6)


def _table(rng: Rng) -> World:
    mark = rng.choice((",", ";"))
    lines = [mark.join(("nr", "frage", "antwort", "ok", "teile"))] + [
        mark.join(
            (
                str(n),
                f'"Was, ""ist"" {n}; {n}?\nja"',
                f"a{n}",
                ("ja", "nein", "")[n % 3],
                "\"[{'name': 'f', 'args': {}}]\"",
            )
        )
        for n in range(8)
    ]
    mapping = {
        "benchmark": "table",
        "fields": {
            "item_id": "nr",
            "user_text": "frage",
            "assistant_text": "antwort",
            "tool_calls": "teile",
            "scores": {"ok": {"at": "ok", "pass": "ja"}},
        },
    }
    return World({"tabelle.csv": ("\r\n".join(lines) + "\r\n").encode()}, mapping, 8)


def _joined(rng: Rng) -> World:
    rows = [{"instance_id": f"i{n}", "patch": f"diff {n}"} for n in range(6)]
    report = {"resolved_ids": ["i0", "i1"], "unresolved_ids": ["i2", "i3"], "error_ids": ["i4"]}
    texts = [{"prompt": {"id": f"i{n}"}, "text": f"Fix {n}."} for n in range(6)]
    mapping = {
        "benchmark": "joined",
        "files": ["**/preds.jsonl"],
        "fields": {
            "item_id": "instance_id",
            "assistant_text": "patch",
            "user_text": "text.text",
            "scores": {
                "resolved": {
                    "at": "verdict",
                    "pass": "resolved_ids",
                    "optional": True,
                    "unjudged": "error_ids",
                }
            },
        },
        "join": [
            {
                "name": "verdict",
                "files": "report.json",
                "on": "instance_id",
                "ids": ["resolved_ids", "unresolved_ids", "error_ids"],
            },
            {
                "name": "text",
                "files": "../{folder}/texts.jsonl",
                "key": "prompt.id",
                "on": "instance_id",
            },
        ],
    }
    return World({"preds.jsonl": rows, "report.json": report, "texts.jsonl": texts}, mapping, 6)


def _checked(rng: Rng) -> World:
    rows = [
        {
            "case": n,
            "asserts": [
                {"metric": "f1", "value": n / 4, "message": "low"},
                {"metric": "bleu", "value": 0.5},
            ],
            "history": [{"speaker": "user", "text": "hi"}, {"speaker": "bot", "text": f"yo {n}"}],
            "calls": [{"fn": "book", "args": {"n": n}, "out": "ok"}],
            "status": "infra_error" if n == 3 else "ok",
        }
        for n in range(5)
    ]
    mapping = {
        "benchmark": "checked",
        "fields": {
            "turn": "case",
            "messages": {"at": "history", "role": "speaker", "content": "text"},
            "tool_calls": {"at": "calls", "name": "fn", "arguments": "args", "result": "out"},
            "user_text": "first(history[?speaker=='user'].text)",
            "params": {"n": "case", "kind": {"value": "x"}},
        },
        "checks": {
            "list": "asserts",
            "name": "metric",
            "value": "value",
            "at_least": 0.5,
            "reason": "message",
        },
        "not_counted": {"at": "status", "values": ["infra_error", "api_error"]},
        "where": "case < `4`",
    }
    return World({"checked.jsonl": rows}, mapping, 4)


def _folders(rng: Rng) -> World:
    files = {
        f"runs/{model}/{task}_result.json": [
            {"key": f"{task}{n}", "passed": n > 0, "run": 1} for n in range(3)
        ]
        for model in ("a", "b")
        for task in ("x", "y")
    }
    mapping = {
        "benchmark": "folders",
        "files": "runs/**/*_result.json",
        "from_path": r"(?P<model>[^/]+)/(?P<task>[^/]+)_result\.json$",
        "fields": {"item_id": "key", "run_id": "file.model", "scores": {"passed": "passed"}},
    }
    return World(files, mapping, 12)


def _graded(rng: Rng) -> World:
    rows = [
        {"doc_id": n, "resps": [[f"r{n}"]], "filter": name, "em": float(n % 2 == place)}
        for place, name in enumerate(("strict", "loose"))
        for n in range(4)
    ]
    mapping = {
        "benchmark": "graded",
        "fields": {
            "item_id": "doc_id",
            "assistant_text": "resps",
            "scores": {"em": {"at": "em", "pass": 1}},
        },
        "grading_of": {"at": "filter", "record": "strict"},
    }
    return World({"samples.jsonl": rows}, mapping, 4)


WORLDS = (_flat, _flat, _nested, _table, _joined, _checked, _folders, _graded)

# Values that nobody expects, as JSON text where Python's own JSON can write them, as they are else
_LONG = "x" * 5000
ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**53 + 1,
    -(2**70),
    10**400,
    0.5,
    -0.0,
    1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
    "",
    " ",
    "true",
    "NaN",
    "1e999",
    "9" * 5000,
    "-1",
    "1_000",
    "0x10",
    "a.b[0]",
    "\x00",
    "\x1b[2J",
    "\u202eabc",
    "\ud800",
    "\n\n",
    "</script>",
    "=1+1",
    _LONG,
    [],
    {},
    [[]],
    [None],
    [{}],
    {"": None},
    {"a": {"b": [1, {"c": None}]}},
    [1, "a", None, {"x": []}],
    {"role": "user"},
    [{"role": "user", "content": [{"text": 1}]}],
    [{"name": None}],
    {"key": 1, "value": 2},
    "[1, 2",
    "('a', 'b')",
    "{'a': {1: 2}}",
    "['\\d']",
    "{1: 2, '1': 3}",
)


def _deep(rng: Rng) -> Any:
    value: Any = rng.choice((1, "x", None))
    for _ in range(rng.choice((30, 90, 150, 250))):
        value = [value] if rng.random() < 0.5 else {"content": value}
    return value


def odd(rng: Rng) -> Any:
    """A value that nobody expects."""
    pick = rng.random()
    if pick < 0.1:
        return _deep(rng)
    if pick < 0.25:
        return rng.choice(hostile.ATTACKS)
    return copy.deepcopy(rng.choice(ODD))


# Damage to documents


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key or place) of everything inside a value."""
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in list(items):
        yield value, key
        yield from _places(inner)


def value_exchanged(documents: Any, rng: Rng) -> None:
    places = list(_places(documents))
    if places:
        inside, key = rng.choice(places)
        inside[key] = odd(rng)


def key_exchanged(documents: Any, rng: Rng) -> None:
    places = [(inside, key) for inside, key in _places(documents) if isinstance(inside, dict)]
    if places:
        inside, key = rng.choice(places)
        name = rng.choice(
            (
                key.upper(),
                f" {key}",
                "",
                rng.choice(hostile.ATTACKS)[:200],
                _LONG,
                "\ud800",
                "a.b",
                "file",
                "row",
                "None",
            )
        )
        inside[name] = inside.pop(key)


def part_dropped(documents: Any, rng: Rng) -> None:
    places = list(_places(documents))
    if places:
        inside, key = rng.choice(places)
        del inside[key]


def part_doubled(documents: Any, rng: Rng) -> None:
    places = [(inside, key) for inside, key in _places(documents) if isinstance(inside, list)]
    if places:
        inside, key = rng.choice(places)
        inside.insert(rng.randrange(len(inside) + 1), copy.deepcopy(inside[key]))


def values_swapped(documents: Any, rng: Rng) -> None:
    places = list(_places(documents))
    if len(places) > 1:
        (inside, key), (other, place) = rng.sample(places, 2)
        first, second = copy.deepcopy(inside[key]), copy.deepcopy(other[place])
        inside[key] = second
        with contextlib.suppress(IndexError):
            other[place] = first


def many_keys(documents: Any, rng: Rng) -> None:
    rows = [
        value
        for value in (documents if isinstance(documents, list) else [documents])
        if isinstance(value, dict)
    ]
    for number, row in enumerate(rows[:3]):
        row.update({f"k{number}_{n}": n for n in range(300)})


DATA = (value_exchanged,) * 6 + (
    key_exchanged,
    part_dropped,
    part_doubled,
    values_swapped,
    many_keys,
)

# Damage to bytes; what it returns says whether the container is still whole


def flipped(data: bytes, rng: Rng) -> bytes:
    spoilt = bytearray(data)
    for _ in range(rng.choice((1, 3, 20))):
        if spoilt:
            spoilt[rng.randrange(len(spoilt))] = rng.randrange(256)
    return bytes(spoilt)


def cut(data: bytes, rng: Rng) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def inserted(data: bytes, rng: Rng) -> bytes:
    place = rng.randrange(len(data) + 1)
    piece = rng.choice(
        (
            b"\x00",
            b"\xff\xfe",
            b"\n",
            b'"',
            b"\r",
            b"{",
            b"]",
            b",",
            b"NaN",
            b"1e999",
            b"\xed\xa0\x80",
            b"\xef\xbb\xbf",
            b"[" * 100_000,
            b"'",
            b"\n\n\n",
            b"null\n",
            b"[]\n",
            b'"text"\n',
            b"7\n",
            b'{"id": "q1", "id": "q2"}\n',
        )
    )
    return data[:place] + piece + data[place:]


def line_moved(data: bytes, rng: Rng) -> bytes:
    lines = data.splitlines(keepends=True)
    if lines:
        lines.insert(rng.randrange(len(lines)), lines.pop(rng.randrange(len(lines))))
    return b"".join(lines)


def otherwise_encoded(data: bytes, rng: Rng) -> bytes:
    text = data.decode("utf-8", "replace")
    return text.encode(rng.choice(("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7")))


def replaced(data: bytes, rng: Rng) -> bytes:
    return rng.choice(
        (
            b"",
            b" \n",
            b"null",
            b"[]",
            b"{}",
            b"[[[]]]",
            b"3",
            b'"x"',
            b"true\nfalse\n",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
            b"PK\x03\x04zip",
            b"PAR1" + bytes(50) + b"PAR1",
            b"<!doctype html><p>Sign in",
            b"{'id': 'a', 'ok': True}\n",
            bytes(range(256)),
            b"sep=;\na;b\n1;2\n",
            b'sep="\n"a""b"\n',
            b"a,a\n1,2\n",
            b"a,\n1,2\n",
            b'a,b\n"1,2\n',
            b"a,b\n1\n1,2,3\n",
            b"a;b\n1;2\n" * 3,
            b"a\tb\n1\t2\n",
            b"sep=\r\r\na\rb\r\n",
            b"[" * 5000,
            b'{"a":' * 5000,
            b"[" * 900 + b"]" * 900,
            b"-\n" * 10,
            b"\xff" * 100,
            b'{"id": "a", "model": "m", "ok": true}' * 3,
            b'{"id": 1}\r{"id": 2}\r',
        )
    )


BYTES = (flipped, cut, inserted, inserted, line_moved, otherwise_encoded, replaced)

# Damage to mappings


def _expression(rng: Rng) -> str:
    return rng.choice(
        (
            "id",
            "nothing",
            "a.b.c",
            "results[].x",
            "@",
            "",
            " ",
            "a[",
            "a.",
            ".a",
            "a..b",
            "[",
            "*",
            "a || b",
            "length(id)",
            "length(@)",
            "items(@)",
            "items(id)",
            "zip({a: id, b: ok})",
            "zip(@)",
            "zip({a: asserts, b: calls})",
            "first(id)",
            "last(resps)",
            "match(id, '(')",
            "match(id, 'a{99999999999}')",
            "match(id, '[[a]')",
            "match(question, '(?P<x>.)')",
            "to_number(id)",
            "sum(@)",
            "sum(`[1e308, 1e308]`)",
            "ceil(`1e999`)",
            "avg(`[]`)",
            "ceil(score)",
            "floor(tokens)",
            "max_by(@, &x)",
            "sort_by(asserts, &value)",
            "join(', ', @)",
            "keys(@)",
            "values(@)",
            "map(&a, @)",
            "reverse(id)",
            "to_string(@)",
            "type(@)",
            "not_null(@)",
            "file.path",
            "file",
            "file.model",
            "row",
            "doc",
            "verdict",
            "text.text",
            "id == `1`",
            "`{`",
            "`NaN`",
            "'" + "a" * 3000 + "'",
            "(" * 500 + "a" + ")" * 500,
            "a" + ".a" * 2000,
            "a" + "[0]" * 2000,
            "!" * 2000 + "a",
            "a[?" * 200,
            "[" * 3000,
            "\x1b[2J",
            "\u202e",
            "id\n",
            "`" + "[" * 3000 + "`",
            "foo(@)",
            "abs('x')",
            "id[0]",
            "gold.a",
            "results[99999999999999999999]",
            "score | [0]",
            "{a: id}",
            "[id, ok]",
            "a[::0]",
            "@[::-1]",
            "&a",
            "key",
            "value",
        )
    )


def _written(rng: Rng) -> Any:
    """A value for any place of a mapping."""
    pick = rng.random()
    if pick < 0.35:
        return _expression(rng)
    if pick < 0.45:
        return {
            "at": _expression(rng),
            **rng.choice(
                (
                    {},
                    {"optional": True},
                    {"pass": odd(rng)},
                    {"at_least": odd(rng)},
                    {"value": 1},
                    {"range": [0, 5]},
                    {"out_of": 100},
                    {"pass": []},
                    {"unjudged": [[1], {"a": 1}]},
                    {"at_most": 3},
                    {"range": [1]},
                )
            ),
        }
    if pick < 0.5:
        return {"value": odd(rng)}
    if pick < 0.58:
        return rng.choice(
            (
                datetime.date(2024, 1, 2),
                datetime.datetime(2024, 1, 2, 3),
                b"\x00\xff",
                {1, 2},
                {1: 2},
                {True: "a"},
                {None: "a"},
                [[[]]],
                {"on": "id"},
                {1.5: {"at": "x"}},
                [datetime.date(2024, 1, 1)],
                {"a": b"x"},
                {"value": datetime.date(2024, 1, 1)},
                {"value": {1: {None: 2}}},
                {"value": b"x"},
                {"value": {1, 2}},
                2**70,
                float("inf"),
            )
        )
    return odd(rng)


def place_exchanged(mapping: dict, rng: Rng) -> None:
    inside, key = rng.choice(list(_places(mapping)))
    inside[key] = _written(rng)


def place_dropped(mapping: dict, rng: Rng) -> None:
    inside, key = rng.choice(list(_places(mapping)))
    del inside[key]


def name_exchanged(mapping: dict, rng: Rng) -> None:
    inside, key = rng.choice(
        [(inside, key) for inside, key in _places(mapping) if isinstance(inside, dict)]
    )
    inside[
        rng.choice(
            (
                True,
                None,
                1,
                -1,
                1.5,
                "",
                "on",
                f"{key}s",
                "at",
                "value",
                "pass",
                _LONG,
                "\x1b[2J",
                datetime.date(2024, 1, 1),
                "pass_",
                "file",
                "0",
            )
        )
    ] = inside.pop(key)


_TOP = {
    "files": (
        "**/*",
        "*.jsonl",
        "[",
        "**x",
        "/etc/*",
        "..",
        "**/",
        "\x00",
        "*" * 200,
        "[!",
        "{a,b}",
        "nothing",
        ["*.json", "*.csv"],
        [],
        "../*",
        "**/**/**",
        "./rows.jsonl",
        ".",
    ),
    "from_path": (
        r"(?P<model>.*)",
        r"(?P<path>x)?",
        r"(?P<path>.)",
        r"(?P<stem>.)",
        r"(?P<trial>\d)",
        r"(?P<run>/)",
        "(",
        "a{99999999999}",
        "[[a]",
        "nothing",
        r"(?P<folder>[^/]+)/[^/]+$",
        r"(?P<file>.)",
        r"(?P<true>.)",
        "(?P<model>)",
        "",
        "(?P<task>.)(?P<model>.)",
        r"(?i)(?P<größe>.)",
        "(?P<trial>.*)",
        "(" * 5000,
    ),
    "each": (
        {},
        {"doc": "@"},
        {"a": "@", "b": "[]"},
        {"row": "items(@)"},
        {"file": "@"},
        {"a b": "@"},
        {"x": "length(@)"},
        {"x": "@", "y": "length(x)"},
        {"x": "results[].completions[]"},
        {"x": "@[0]"},
        {"x": ""},
        {"x": None},
        {"id": "@", "model": "@"},
        {"x": "abs(@)"},
        {f"l{n}": "@" for n in range(60)},
    ),
    "rows": ("results", "@", "", 3, "abs(@)", "asserts", "a["),
    "where": ("ok", "abs(id) > `0`", "id", "", "nothing", "length(id) > `1`", 3, "a["),
    "threshold": (float("nan"), float("inf"), -1, "1", True, None, 10**400),
    "trial_of": (
        "id",
        "score",
        "nothing",
        {"value": 3},
        {"value": "x"},
        {"value": []},
        "question",
        {"value": -1},
        ["epoch", "id"],
        "gold",
        "abs(id)",
    ),
    "grading_of": (
        "id",
        "ok",
        "nothing",
        {"at": "verdict", "record": None},
        {"at": "gold"},
        {"at": "model", "record": ["m0"]},
        {"at": "id", "record": {"a": datetime.date(1, 1, 1)}},
    ),
    "not_counted": (
        {"at": "id", "values": "q1"},
        {"at": "gold", "values": [{"a": 1}, [1]]},
        {"at": "ok", "values": []},
        {"at": "ok"},
        "ok",
        {"at": "ok", "values": True},
    ),
    "checks": (
        {"list": "@"},
        {"list": "gold", "at_least": 0},
        {"list": "id"},
        {"list": "asserts"},
        [],
        [{"list": "gold"}, {"list": "gold"}],
        {"list": "abs(@)"},
        {"list": "nothing"},
        {"list": "gold", "name": "abs(key)"},
        {"list": "gold", "pass": 1, "only": ["b"]},
        {"list": "gold", "value": "nothing", "reason": "value", "at_most": 0},
    ),
    "join": (
        {"name": "j", "files": "rows.jsonl", "key": "id", "on": "id"},
        {"name": "j", "files": "*", "key": "id", "on": "id"},
        {"name": "j", "files": "nothing", "key": "id", "on": "id"},
        {"name": "j", "files": ".", "key": "id", "on": "id"},
        {"name": "j", "files": "**", "key": "id", "on": "id", "many": True},
        {"name": "j", "files": "{nothing}.json", "key": "id", "on": "id"},
        {"name": "j", "files": "\x00", "key": "id", "on": "id"},
        {"name": "file", "files": "*", "key": "id", "on": "id"},
        {"name": "id", "files": "other.json", "key": "k", "on": "id"},
        {"name": "j", "files": "other.json", "each": "abs(@)", "key": "k", "on": "id"},
        {"name": "j", "files": "other.json", "key": "abs(k)", "on": "id"},
        {"name": "j", "files": "other.json", "key": "k", "on": "abs(id)"},
        {"name": "j", "files": "other.json", "ids": ["abs(@)"], "on": "id"},
        {"name": "j", "files": "other.json", "ids": ["[].k"], "on": "id"},
        {"name": "j", "files": "other.json"},
        {"name": "j", "files": "other.json", "each": "[0]"},
        {"name": "j", "files": "other.json", True: "id", "key": "k"},
        {"name": "j", "files": "broken.json", "key": "k", "on": "id"},
        {"name": "j", "files": "broken.jsonl", "ids": ["k"], "on": "id"},
        {"name": "row", "files": "other.json", "key": "k", "on": "id"},
        [],
    ),
    "expected": (
        {"rows": "abs(@)"},
        {"rows": "length(@)"},
        {"rows": 10**400},
        {"rows": float("inf")},
        {"passed": -1, "failed": 1e308},
        {"items": "items.txt"},
        {"items": "nothing.txt"},
        {"items": ["q0", 1, None, [1]]},
        {"items": {"a": 1}},
        {"models": "nothing"},
        {"models": [1, None]},
        {"pass_rate": 1e-9},
        {"pass_rate": "score"},
        {"pass_rate": True},
        {"rows": True},
        {"items": "."},
        {"items": "\x00"},
        {"rows": "a["},
        {},
        [],
        {"pass_rate": float("nan")},
        {"pass_rate": 10**400},
    ),
    "benchmark": ("", "x" * 5000, "../../x", "\x1b[2J", 3, None, "\u202e", "a/b", "\ud83d\ude00"),
    "pass_when": ({"ok": True}, {}, [], "ok", {"verdict": ["CORRECT"]}, {1: 2}, {"a[": None}),
    "background": ({}, {"what_it_tests": 3}, "x", {"tool_access": "x" * 5000}),
}


def top_exchanged(mapping: dict, rng: Rng) -> None:
    name = rng.choice(list(_TOP))
    mapping[name] = copy.deepcopy(rng.choice(_TOP[name]))
    if name == "pass_when" and rng.random() < 0.3 and isinstance(mapping.get("fields"), dict):
        mapping["fields"]["scores"] = odd(rng)


MAPPING = (place_exchanged,) * 3 + (place_dropped, name_exchanged) + (top_exchanged,) * 4


def text_damaged(text: bytes, rng: Rng) -> bytes:
    """The YAML itself."""
    if rng.random() < 0.5:
        return rng.choice((flipped, cut, inserted, line_moved))(text, rng)
    return rng.choice(
        (
            text + b"x: &a [*a]\n",
            b"a: &a {fields: {item_id: id}}\n<<: *a\n",
            text + b"<<: 3\n",
            b"&a [*a]",
            b"- a\n",
            b"3",
            b"",
            b"# nothing\n",
            b"[" * 100_000,
            b"- " * 100_000 + b"a",
            b"{a: " * 60_000,
            b"[" * 60_000 + b"]" * 60_000,
            b"? " * 60_000,
            b"%YAML 9.9\n---\n" + text,
            text + b"---\n" + text,
            b"!!python/object/apply:os.system ['touch pwned']",
            text.replace(b": ", b": !!str ", 3),
            text.replace(b": ", b": !!binary ", 1),
            text.replace(b"fields:", b"fields: &f", 1) + b"background: *f\n",
            text + text,
            b"a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\nbenchmark: [*c,*c,*c]\n",
            text + b"expected: {items: &l [*l]}\n",
            text + b"bucket_path: 0x" + b"f" * 9000 + b"\n",
            text + b"threshold: 0x" + b"f" * 9000 + b"\n",
            b"fields: {item_id: id, scores: {x: {at: ok, pass: &p [*p]}}}\n",
            b"fields: {item_id: id, scores: {x: ok}, expected: {value: &p [*p]}}\n",
            b"fields: {item_id: id, scores: {x: {at: ok, pass: 0x" + b"f" * 9000 + b"}}}\n",
            text.decode("utf-8", "replace").encode("utf-16"),
            b"\xff\xfe",
            b"\x00",
            gzip.compress(text, mtime=0),
            b"fields: {item_id: id, scores: {x: {at: ok, pass: {2024-01-01: 1}}}}\n",
            b"fields: {item_id: id, scores: {x: ok}}\nfrom_path: !!null ''\n",
            b"\t" + text,
            b"fields: {item_id: id, scores: {x: {at: ok, pass: [.nan, .inf, -.inf, 1:30, 0o7, ~]}}}"
            b"\n",
        )
    )


# Cases


def _spelled(documents: Any, rng: Rng) -> bytes:
    if isinstance(documents, bytes):
        return documents
    ascii_only = rng.random() < 0.5
    try:
        return json.dumps(documents, ensure_ascii=ascii_only).encode()
    except (UnicodeEncodeError, RecursionError):
        try:
            return json.dumps(documents).encode()
        except RecursionError:
            return b"[" * 3000 + b"]" * 3000


def _file(name: str, documents: Any, rng: Rng) -> bytes:
    if name.endswith(".jsonl") and isinstance(documents, list):
        return b"".join(_spelled(document, rng) + b"\n" for document in documents)
    return _spelled(documents, rng)


def counted(data: bytes) -> int | None:
    """The rows of JSONL: objects, the elements of lists, and lines that are neither; None where it
    may be read as something else than lines."""
    lines = [line for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()]
    rows = 0
    for number, line in enumerate(lines):
        try:
            value = json.loads(line, parse_constant=lambda _: None)
        except RecursionError:
            return None
        except ValueError:
            if number < 2:
                return None
            value = 0
        rows += (
            len(value)
            if isinstance(value, list)
            else value is not None and value not in (float("inf"), float("-inf"))
        )
    return rows if lines and lines[0].startswith(b"{") else None


def case(seed: int) -> Case:
    """The case of a seed."""
    rng = Rng(seed)
    world = rng.choice(WORLDS)(rng)
    files, mapping, rows = copy.deepcopy(world)
    kind = rng.choice(
        (
            "data",
            "data",
            "data",
            "bytes",
            "bytes",
            "mapping",
            "mapping",
            "mapping",
            "text",
            "both",
            "names",
        )
    )
    name = rng.choice(sorted(files))
    if kind in ("data", "both"):
        for _ in range(rng.choice((1, 1, 2, 5))):
            if not isinstance(files[name], bytes):
                rng.choice(DATA)(files[name], rng)
                rows = None
    if kind in ("mapping", "both"):
        for _ in range(rng.choice((1, 1, 2))):
            if any(True for _ in _places(mapping)):
                with contextlib.suppress(IndexError):
                    rng.choice(MAPPING)(mapping, rng)
        rows = None
    written = {key: _file(key, value, rng) for key, value in files.items()}
    if kind == "bytes":
        written[name] = rng.choice(BYTES)(written[name], rng)
        rows = None
    if world.mapping["benchmark"] == "flat" and kind in ("data", "bytes"):
        rows = counted(written["rows.jsonl"])
    try:
        text = yaml.safe_dump(mapping, allow_unicode=rng.random() < 0.5, sort_keys=False).encode()
    except (yaml.YAMLError, RecursionError, UnicodeEncodeError):
        text = b"fields: {item_id: id, scores: {ok: ok}}\n"
    if kind == "text":
        text, rows = text_damaged(text, rng), None
    given = ["."] if rng.random() < 0.5 or len(written) > 1 else [name]
    if kind == "names":
        given, rows = _renamed(written, name, rng), None
    written["other.json"] = b'[{"k": "q1"}, {"k": [1]}, {"k": null}]'
    written["broken.json"], written["broken.jsonl"] = b"{", b"{\n{}\n"
    items = b"q0\nq1\n\xff" if rng.random() < 0.2 else b"q0\nq1\n"
    given = given if given != ["."] or "files" in world.mapping else [name]
    return Case(written, text, items, given, rows)


def _renamed(written: dict[str, bytes], name: str, rng: Rng) -> list[str]:
    """Another name, packed or not, damaged or not; returns what is given to the scripts."""
    data = written.pop(name)
    stem = rng.choice(
        (
            "x",
            "a b",
            "-x",
            "ü",
            "[x]",
            "x*",
            "{model}",
            "x\n",
            "\x1b[2J",
            "b\udcff",
            "=x",
            "gpt-4o",
            "." * 3,
            "x" * 200,
        )
    )
    ending = rng.choice(
        (
            ".jsonl",
            ".json",
            ".csv",
            ".tsv",
            ".parquet",
            ".txt",
            "",
            ".JSONL",
            ".jsonl.gz",
            ".json.zst",
            ".jsonl.zst",
            ".gz",
            ".zst",
            ".ndjson",
        )
    )
    if ending.endswith(".gz"):
        data = gzip.compress(data, mtime=0)
    elif ending.endswith(".zst"):
        data = zstandard.compress(data)
    if rng.random() < 0.4:
        data = rng.choice((flipped, cut, replaced))(data, rng)
    written[f"{stem}{ending}"] = data
    return rng.choice(
        (
            [f"{stem}{ending}"],
            ["."],
            [f"{stem}{ending}", "nothing.json"],
            [f"{stem}{ending}", "./" + f"{stem}{ending}"],
            ["folder.json"],
            ["loop.jsonl"],
        )
    )


def laid_out(case: Case, folder: Path) -> None:
    """Writes the files of a case."""
    for name, data in case.files.items():
        path = folder / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (folder / "data" / "folder.json").mkdir(parents=True)
    (folder / "data" / "loop.jsonl").symlink_to("loop.jsonl")
    (folder / "m.yaml").write_bytes(case.mapping)
    (folder / "items.txt").write_bytes(case.items)


# What must hold


class Said(NamedTuple):
    """What a script came to."""

    code: int
    out: str
    err: str

    def refused(self, script: str) -> bool:
        """Whether it refused, which it says in one line."""
        if not self.err:
            return False
        assert self.code in (1, 2), self
        lines = self.err.split("\n")
        assert lines[0].startswith(f"{script}: ") or self.code == 2, self.err
        assert self.code == 2 or len(lines) == 2, self.err
        return True


Run = Callable[..., Said]
_MODULES: dict[str, Any] = {}


class Hangs(BaseException):
    """A case that takes too long."""


def _hangs(*_: object) -> None:
    raise Hangs


def run_here(name: str, *args: str) -> Said:
    """A script in this process, its warnings as an error: they would stand on the terminal."""
    if name not in _MODULES:
        path = Path(__file__).resolve().parents[1] / "scripts" / name
        spec = importlib.util.spec_from_file_location(path.stem, path)
        _MODULES[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(_MODULES[name])
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(record=True) as warned,
    ):
        warnings.simplefilter("always")
        try:
            code = _MODULES[name].main(list(args))
        except SystemExit as end:
            code = end.code
    assert not [
        str(warning.message)
        for warning in warned
        if not issubclass(warning.category, DeprecationWarning | PendingDeprecationWarning)
    ]
    return Said(code, out.getvalue(), err.getvalue())


# What the test runner's own hook says when it runs out of depth, while what is too deep is left.
_HOOK = re.compile(r"Exception ignored in[^\n]*\nTraceback[^\n]*\n[^\n]*unraisableexception\.py"
                   r"[^\n]*\n(?: [^\n]*\n)*RecursionError[^\n]*\n")


def clean(said: Said) -> None:
    """Nothing raw, nothing long, no traceback."""
    assert said.code in (0, 1, 2)
    assert "Traceback" not in _HOOK.sub("", said.err)
    for text in (said.out, said.err):
        text.encode()
        assert not _RAW.search(text), _RAW.search(text)
    assert len(said.err) < 6000, said.err[:300]
    assert max(map(len, said.out.split("\n"))) < 20_000 or said.out.startswith("{")


def packet_holds(folder: Path, summary: dict) -> None:
    """The packet adds up, and every rejected row stands in it."""
    sanity = json.loads((folder / "sanity.json").read_text())["conservation"]
    total = summary["pass"] + summary["fail"] + summary["unjudged"] + summary["rejected"]
    assert summary["rows_read"] == total
    assert sanity["rows_read"] == total
    with open(folder / "rejected_rows.jsonl", encoding="utf-8") as file:
        rejected = [json.loads(line) for line in file]
    assert len(rejected) == summary["rejected"]
    assert all(row["path"] and row["line"] >= 1 and row["reason"] for row in rejected)
    assert all(len(row["reason"]) < 1000 for row in rejected)
    with open(folder / "failure_review_rows.jsonl", encoding="utf-8") as file:
        rows = [json.loads(line, parse_constant=pytest.fail) for line in file]
    outcomes = Counter(row["outcome"] for row in rows)
    assert outcomes["fail"] == summary["fail"]
    assert outcomes["unjudged"] == len(rows) - summary["fail"] <= summary["unjudged"]


def holds(case: Case, folder: Path, run: Run, seed: int) -> str:
    """Runs a case through the scripts; returns what became of it. What is told people, drafts and
    two workers are tried on some of them."""
    laid_out(case, folder)
    here = Path.cwd()
    os.chdir(folder / "data")
    try:
        mapping = ["--mapping", "../m.yaml"]
        inputs = ["./" + name if name.startswith("-") else name for name in case.given]
        built = run(
            "build_packet.py", "--input", *inputs, *mapping, "--output-dir", "../out", "--json"
        )
        checked = run("check_mapping.py", *inputs, *mapping, "--json")
        for said in (built, checked):
            clean(said)
        refused = built.refused("build_packet.py")
        if not refused:
            summary = json.loads(built.out)
            packet_holds(Path("../out"), summary)
            if case.rows is not None:
                assert summary["rows_read"] == case.rows
            agree(summary, json.loads(checked.out))
        else:
            assert not built.out
            assert not Path("../out").exists() or not any(
                (Path("../out") / name).exists() for name in PACKET
            )
            assert checked.code, checked
        if seed % 3 == 0:
            clean(run("check_mapping.py", *inputs, *mapping, "--rows", "1"))
        elif seed % 3 == 1:
            proposed(inputs, run)
        if seed % 40 == 0 and not refused:
            again(["--input", *inputs, *mapping], run)
        return "refused" if refused else "read"
    finally:
        os.chdir(here)


def agree(summary: dict, tried: dict) -> None:
    """check_mapping.py counts what build_packet.py counts."""
    counts = {
        name: sum(outcomes.get(name, 0) for outcomes in tried["outcomes"].values())
        for name in ("pass", "fail", "unjudged")
    }
    assert counts == {name: summary[name] for name in counts}
    assert sum(tried["rejected"].values()) == summary["rejected"]
    assert not tried["faults"]


def proposed(inputs: list[str], run: Run) -> None:
    """A draft loads as YAML, and is accepted or refused as a mapping."""
    draft = run("check_mapping.py", *inputs, "--propose")
    clean(draft)
    if draft.refused("check_mapping.py"):
        return
    assert isinstance(yaml.safe_load(draft.out), dict), draft.out
    Path("../draft.yaml").write_text(draft.out, encoding="utf-8")
    tried = run("check_mapping.py", *inputs, "--mapping", "../draft.yaml")
    clean(tried)
    tried.refused("check_mapping.py")


def again(args: list[str], run: Run) -> None:
    """With two workers, and a second time, every file of the packet has the same bytes."""
    for jobs in ("1", "2"):
        run("build_packet.py", *args, "--output-dir", "../again", "--jobs", jobs)
        for name in (*PACKET, "gradings.csv"):
            if (Path("../out") / name).exists():
                first, second = ((Path(out) / name).read_bytes() for out in ("../out", "../again"))
                assert first == second, (name, jobs)
        shutil.rmtree("../again")


def fuzzed(seeds: range, folder: Path, run: Run) -> dict[str, int]:
    """Runs the cases of seeds; returns how many were read and refused."""
    became = {"read": 0, "refused": 0}
    old = signal.signal(signal.SIGALRM, _hangs)
    try:
        for seed in seeds:
            signal.setitimer(signal.ITIMER_REAL, SECONDS)
            try:
                became[holds(case(seed), folder / str(seed), run, seed)] += 1
            except BaseException as error:
                error.add_note(f"seed {seed}")
                raise
            signal.setitimer(signal.ITIMER_REAL, 0)
            shutil.rmtree(folder / str(seed))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    return became


@pytest.mark.parametrize("part", range(2))
def test_some_of_all(tmp_path, part):
    became = fuzzed(range(part * QUICK // 2, (part + 1) * QUICK // 2), tmp_path, run_here)
    assert min(became.values()) > QUICK // 8


@pytest.mark.slow
@pytest.mark.parametrize("part", range(SHARDS))
def test_all(tmp_path, part):
    step = WHOLE // SHARDS
    became = fuzzed(range(QUICK + part * step, QUICK + (part + 1) * step), tmp_path, run_here)
    assert min(became.values()) > step // 4


@pytest.mark.slow
def test_some_through_the_scripts_themselves(tmp_path, run_script):
    def run(name: str, *args: str) -> Said:
        done = run_script(name, *args)
        return Said(done.returncode, done.stdout, done.stderr)

    became = fuzzed(range(QUICK + WHOLE, QUICK + WHOLE + SCRIPTS), tmp_path, run)
    assert min(became.values()) > SCRIPTS // 4
