"""What one trace is made of: how far it compresses for its length, whether it goes on saying new
things, whether it loops. Features are numbers; they are kept by the hash of the text, so that a
text is measured once."""

import hashlib
import re
import sqlite3
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from failure_analysis import files
from failure_analysis.lenses import tokens
from failure_analysis.spread import Engine, spread

VERSION = 5
HEADER = 8  # bytes of an empty zlib stream
WINDOW = 200  # tokens of a window of equal size
TIMES = 3  # how often what loops came before
_CHUNK = 64
_SWITCH = re.compile(r"wait|alternatively|hmm|let me re")
NAMES = ("tokens", "bytes", "packed", "window_bits", "novelty", "cover4", "cover8", "loop", "near",
         "switches", "quarter1", "quarter2", "quarter3", "quarter4")


class Loops(NamedTuple):
    """Whether a trace loops, or nearly; the share of its tail that 4-grams and 8-grams cover."""

    loop: float
    near: float
    cover4: float
    cover8: float


class _Chunk(NamedTuple):
    """Some traces on their way: their places in the table, their keys, and what the cache has of
    each."""

    places: list[int]
    keys: list[bytes]
    cached: list[bytes | None]


class Trace(NamedTuple):
    """A text to measure: its place in the table, the text, its recorded ids if there are any, and
    the tokenizer file that makes its tokens (None: pieces of the text)."""

    at: int
    text: str
    ids: list | None
    tokenizer: Path | None = None


def measure(text: str, ids: list | None) -> list[float]:
    """The features of one trace, in the order of NAMES."""
    if ids is None:
        # Loops are of words: spaces between them would make any formula look repeated.
        n, numbers = tokens.words(text)
    else:
        n, numbers = len(ids), np.array(ids, np.int64)
    raw = text.encode("utf-8", "surrogatepass")
    cuts = [len(raw) * quarter // 4 for quarter in range(5)]
    packer = zlib.compressobj(6)
    written, sizes = 0, []
    for start, end in zip(cuts, cuts[1:], strict=False):
        written += len(packer.compress(raw[start:end]))
        sizes.append(written + len(packer.copy().flush()) - HEADER)
    second = len(zlib.compress(raw[cuts[2]:], 6)) - HEADER
    gained = np.diff([0, *sizes]) * 8 / np.maximum(np.diff(cuts), 1)
    looped = loops(numbers)
    return [n, len(raw), sizes[-1], _window_bits(raw, n), (sizes[3] - sizes[1]) / max(second, 1),
            looped.cover4, looped.cover8, looped.loop, looped.near,
            1000 * _switches(text) / max(n, 1), *gained]


def _switches(text: str) -> int:
    """How often a trace turns round: these words, where a word begins."""
    low = text.lower()  # far faster than a pattern that ignores case
    return sum(not (start and (low[start - 1].isalnum() or low[start - 1] == "_"))
               for start in (match.start() for match in _SWITCH.finditer(low)))


def _window_bits(raw: bytes, n: int) -> float:
    """Mean packed bits per byte of up to 8 windows of about 200 tokens: free of length."""
    number = n // WINDOW
    if not number:
        return float("nan")
    size = len(raw) // number
    chosen = range(number) if number <= 8 else [number * place // 8 for place in range(8)]
    packed = [8 * (len(zlib.compress(raw[at * size:(at + 1) * size], 6)) - HEADER) / size
              for at in chosen]
    return sum(packed) / len(packed)


def loops(ids: np.ndarray) -> Loops:
    """Whether the tokens loop: a tail of 128 to 1,024 of them lies in grams that came TIMES times
    before (a draft or a list said over as the answer came once or twice), or repeats itself at one
    distance."""
    n = len(ids)
    if n < 128:
        return Loops(0.0, 0.0, 0.0, 0.0)
    tails = [tail for tail in (128, 256, 512, 1024) if tail <= max(n // 2, 128)]

    def cover(size: int, times: int) -> list[float]:
        covered = _covered(ids, size, times)
        return [covered[-tail:].mean() for tail in tails]

    by4, by8 = max(cover(4, 1)), max(cover(8, 1))
    looped = False
    if by8 >= 0.8:
        # A list of numbers uses up all grams of four, so most grams of eight must come again too.
        often4, often8 = max(cover(4, TIMES)), max(cover(8, TIMES))
        looped = often8 >= 0.9 or often4 >= 0.95 and often8 >= 0.8
    if not looped and by8 >= 0.5:
        period = _period(ids)
        if period and 3 * period <= 0.8 * n:
            tail = min(max(3 * period, 192), n - period)
            looped = bool((ids[-tail:] == ids[-tail - period:-period]).mean() >= 0.85)
    return Loops(float(looped), float(not looped and by4 >= 0.85), float(by4), float(by8))


def _grams(ids: np.ndarray, size: int) -> np.ndarray:
    x = ids.astype(np.uint64) + np.uint64(1)
    h = np.zeros(len(x) - size + 1, np.uint64)
    for at in range(size):
        h = h * np.uint64(6364136223846793005) + x[at:len(x) - size + 1 + at] \
            * np.uint64(1442695040888963407)
    return h


def _covered(ids: np.ndarray, size: int, times: int) -> np.ndarray:
    """Where a token lies inside a gram that stood so many times or more earlier in the trace."""
    h = _grams(ids, size)
    order = np.argsort(h, kind="stable")
    again = np.zeros(len(h), int)
    again[order[times:][h[order][times:] == h[order][:-times]]] = 1
    edges = np.zeros(len(ids) + 1, int)
    edges[:len(again)] += again
    edges[size:size + len(again)] -= again
    return np.cumsum(edges[:len(ids)]) > 0


def _period(ids: np.ndarray) -> int:
    """The commonest distance from a 4-gram of the tail to the same one before it."""
    h = _grams(ids[-2048:], 4)
    order = np.argsort(h, kind="stable")
    same = h[order][1:] == h[order][:-1]
    gaps = (order[1:] - order[:-1])[same]
    return int(np.bincount(gaps).argmax()) if len(gaps) else 0


def cache_path(cache_dir: Path) -> Path:
    """The file of the features in a cache folder."""
    return cache_dir / f"traces-{VERSION}.sqlite"


def features(traces: Iterable[Trace], number: int, cache_dir: Path, engine: Engine
             ) -> tuple[np.ndarray, dict[str, int]]:
    """(features by place in the table, how many came from the cache and how many were measured).
    Texts pass through some at a time; places without a text stay NaN."""
    table = np.full((number, len(NAMES)), np.nan)
    counts = {"measured": 0, "cached": 0}
    cache_dir.mkdir(parents=True, exist_ok=True)
    path = cache_path(cache_dir)
    try:
        base = sqlite3.connect(path, timeout=60)
        base.execute("pragma synchronous=off")  # a cache need not wait for the disk
        base.execute("create table if not exists f (key blob primary key, v blob)")
        sent: deque[_Chunk] = deque()
        with closing(spread(_measure_all, None, _missing(traces, base, sent), engine,
                            _named)) as measured:
            for fresh in map(iter, measured):
                for at, key, cached in zip(*sent.popleft(), strict=True):
                    counts["cached" if cached else "measured"] += 1
                    table[at] = np.frombuffer(cached) if cached else next(fresh)
                    if not cached:
                        base.execute("insert or replace into f values (?, ?)",
                                     (key, table[at].tobytes()))
                base.commit()
        base.close()
    except sqlite3.DatabaseError as error:
        raise files.Refusal(f"{path}: the cache of features cannot be used ({error}); delete the "
                            "file and run again, or name another folder with --cache") from None
    return table, counts


def _missing(traces: Iterable[Trace], base: sqlite3.Connection, sent: deque[_Chunk]
             ) -> Iterator[list[Trace]]:
    """Some traces at a time, without those that the cache has; what is known of each is `sent`."""
    # disable=None: shown on a terminal alone.
    source = iter(tqdm(traces, unit="trace", desc="reading traces", disable=None))
    while some := list(islice(source, _CHUNK)):
        keys = [_key(trace) for trace in some]
        marks = ",".join("?" * len(keys))
        stored = dict(base.execute(f"select key, v from f where key in ({marks})", keys))
        cached = [value if value and len(value) == 8 * len(NAMES) else None
                  for value in map(stored.get, keys)]
        sent.append(_Chunk([trace.at for trace in some], keys, cached))
        yield [trace for trace, value in zip(some, cached, strict=True) if value is None]


def _named(some: list[Trace]) -> str:
    """What some traces are called when the process that measured them died."""
    return f"traces {some[0].at} to {some[-1].at}" if some else "no trace"


def _key(trace: Trace) -> bytes:
    """What the features depend on: the text, and what its tokens are."""
    digest = hashlib.sha256(trace.text.encode("utf-8", "surrogatepass"))
    if trace.ids is not None:
        digest.update(np.array(trace.ids, np.int64).tobytes())
    elif trace.tokenizer is not None:
        digest.update(_hash_of(trace.tokenizer))
    return digest.digest()[:20]


@lru_cache(64)
def _hash_of(path: Path) -> bytes:
    return files.sha256(path).encode()


def _measure_all(_: None, traces: list[Trace]) -> list[list[float]]:
    """The features of each trace; each worker loads a tokenizer once."""
    return [measure(text, ids if ids is not None or path is None else
                    tokens.encoded(tokens.load(path), text).ids)
            for _, text, ids, path in traces]

