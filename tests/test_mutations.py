"""Finished reports are damaged in hundreds of ways, one at a time: the check must see each. False
sentences, written by others, are put into them: each is refused or goes to the second reader; true
ones are not refused."""

import json
import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import goldens
from failure_analysis import facts
from failure_analysis.report import bindings, check, pieces, prose, relations, sheet, write

PER_CLASS = 26
MOST_MISSED = 0.01
_BOUND = re.compile(r"(-?\d[\d.]*)<!--fact:([^<>\s]+?)-->")
_SHARE = re.compile(r"(\d+) of (\d+)<!--fact:(?:\w+ )?(\S+) of (\S+)-->")
_CITATION = re.compile(r"\[dp:(?:[^\[\]]|\[[^\]]*\])*\]")
_BLOCKQUOTE = re.compile(r"^> (?!\[dp:)(.+)$", re.M)
_INLINE = re.compile(r'"([^"\n]{12,})" \[dp:')
_WORDS = ("window", "purple", "seven", "without", "tomorrow", "refund")


@pytest.fixture(scope="module")
def folders(run_script, bundle, tmp_path_factory) -> list[Path]:
    """The finished analyses."""
    return [goldens.demo(run_script, bundle, tmp_path_factory.mktemp("demo")),
            goldens.trips(run_script, tmp_path_factory.mktemp("trips")),
            goldens.clinic(run_script, tmp_path_factory.mktemp("clinic"))]


def quotes(text: str) -> list[re.Match]:
    """Every quote in a report: the lines of blockquotes, and quotes in sentences."""
    return [*_BLOCKQUOTE.finditer(text), *_INLINE.finditer(text)]


def put(text: str, match: re.Match, group: int, new: str) -> str:
    """The text with a group of a match replaced."""
    return text[:match.start(group)] + new + text[match.end(group):]


def named(evidence) -> re.Pattern:
    """A model's name."""
    names = sorted(evidence.analysis.counts.judged, key=len, reverse=True)
    return re.compile(rf"(?<![\w./-])(?:{'|'.join(map(re.escape, names))})(?![\w/-]|\.\w)")


def in_author_part(text: str) -> Callable[[re.Match], bool]:
    """Whether a match lies outside every generated block."""
    spans, place = [], 0
    for name, piece in pieces.split(text):
        if name:
            spans.append((place, place + len(piece)))
        place += len(piece)
    return lambda match: not any(start <= match.start() < end for start, end in spans)


def digit_changed(text, evidence, rng):
    """Any digit outside comments becomes another one."""
    plain = re.sub(r"<!--.*?-->", lambda match: "x" * len(match[0]), text)
    match = rng.choice(list(re.finditer(r"\d", plain)))
    return put(text, match, 0, rng.choice([d for d in "0123456789" if d != match[0]]))


def model_swapped(text, evidence, rng):
    """A model's name in the author's words becomes another model's."""
    mine = in_author_part(text)
    hidden = re.sub(r"<!--.*?-->|\[dp:(?:[^\[\]]|\[[^\]]*\])*\]",
                    lambda match: "x" * len(match[0]), text)
    names = sorted(evidence.analysis.counts.judged)
    places = [match for match in named(evidence).finditer(hidden) if mine(match)]
    match = rng.choice(places)
    return put(text, match, 0, rng.choice([name for name in names if name != match[0]]))


def denominator_swapped(text, evidence, rng):
    """In `A of B`, B's number becomes another fact's."""
    match = rng.choice([*re.finditer(rf"{_BOUND.pattern} of ({_BOUND.pattern})", text),
                        *_SHARE.finditer(text)])
    if match.re is _SHARE:
        others = sorted({str(value) for value in evidence.facts.values()} - {match[2]})
        return put(text, match, 2, rng.choice(others))
    others = sorted({str(value) for value in evidence.facts.values()} - {match[4]})
    return put(text, match, 4, rng.choice(others))


def word_changed_in_quote(text, evidence, rng):
    """One word of a quote becomes another one."""
    match = rng.choice(quotes(text))
    words = match[1].split(" ")
    place = rng.randrange(len(words))
    words[place] = rng.choice([word for word in _WORDS if word != words[place]])
    return put(text, match, 1, " ".join(words))


def quote_of_another_datapoint(text, evidence, rng):
    """A quote becomes the quote of another datapoint."""
    match = rng.choice(quotes(text))
    others = sorted({other[1] for other in quotes(text)} - {match[1]})
    return put(text, match, 1, rng.choice(others))


def id_changed(text, evidence, rng):
    """A citation becomes that of another datapoint, or of none."""
    match = rng.choice(list(_CITATION.finditer(text)))
    others = sorted(set(evidence.analysis.counts.index.outcomes) - {match[0][4:-1]})
    new = rng.choice([rng.choice(others), match[0][4:-1] + "0"])
    return put(text, match, 0, f"[dp:{new}]")


def citation_removed(text, evidence, rng):
    """A citation is taken out."""
    return put(text, rng.choice(list(_CITATION.finditer(text))), 0, "")


def negation_removed(text, evidence, rng):
    """A not, never, no or n't is taken out of a quote."""
    matches = [(match, word) for match in quotes(text)
               for word in re.finditer(r"\b(?:not|never|no) |n't\b", match[1])]
    if not matches:
        return None
    match, word = rng.choice(matches)
    return put(text, match, 1, match[1][:word.start()] + match[1][word.end():])


def bucket_count_edited(text, evidence, rng):
    """A count in a generated block of buckets becomes another number."""
    spans, place = [], 0
    for name, piece in pieces.split(text):
        if name == "buckets" or name.startswith("model "):
            spans += [(place + match.start(), match) for match in
                      re.finditer(r"(?<=\| )\d+(?= of \d+ \|)|(?<=` )\d+(?=[ ,])", piece)]
        place += len(piece)
    start, match = rng.choice(spans)
    new = str(int(match[0]) + rng.choice([1, 2, 10]))
    return text[:start] + new + text[start + len(match[0]):]


def fact_and_number_edited(text, evidence, rng):
    """A bound number becomes another fact, number and key together."""
    match = rng.choice(list(_BOUND.finditer(text)))
    key = rng.choice(sorted(set(evidence.facts) - {match[2]}))
    return put(text, match, 0, f"{evidence.facts[key]}<!--fact:{key}-->")


def bucket_cites_unread(text, evidence, rng):
    """A citation in a bucket's section becomes a failing datapoint that nobody reviewed."""
    counts = evidence.analysis.counts
    unread = [line.datapoint_id for line in counts.index.failing()
              if line.datapoint_id not in counts.decided]
    if not unread:
        return None
    first = text.index("## Model `")
    match = rng.choice([match for match in _CITATION.finditer(text) if match.start() > first])
    return put(text, match, 0, f"[dp:{rng.choice(sorted(unread))}]")


def sentence_invented(text, evidence, rng):
    """A sentence with a number, a quantifier or a claim about a model is put in."""
    name = rng.choice(sorted(evidence.analysis.counts.judged))
    new = rng.choice(["It happened 12 times.", "All of them look alike.", "None was fixable.",
                      f"`{name}` is by far the worst.", "Three in four are like this.",
                      "It said \"I will take care of that at once\".",
                      "> It is the benchmark's own fault."])
    match = rng.choice(list(re.finditer(r"^((?:- )?\*\*Trigger:\*\*)", text, re.M)))
    return put(text, match, 1, f"{new}\n\n{match[1]}")


def bucket_renamed(text, evidence, rng):
    """The heading of a bucket names another bucket, or none that exists."""
    match = rng.choice(list(re.finditer(r"^### `(\w+)`$", text, re.M)))
    others = sorted(evidence.names.buckets - {match[1]}) + ["mostly_harmless"]
    return put(text, match, 1, rng.choice(others))


def models_transposed(text, evidence, rng):
    """Two models in one paragraph of the author change places."""
    mine = in_author_part(text)
    places = []
    for match in re.finditer(r"^(?![#>|<]).+$", text, re.M):
        line = re.sub(r"<!--.*?-->|\[dp:(?:[^\[\]]|\[[^\]]*\])*\]",
                      lambda hidden: "\x00" * len(hidden[0]), match[0])
        here = list(named(evidence).finditer(line))
        if mine(match) and len({place[0] for place in here}) > 1 and "fact:" in match[0]:
            places.append((match, here))
    if not places:
        return None
    match, here = rng.choice(places)
    first, second = rng.sample(sorted({place[0] for place in here}), 2)
    swap, line, last = {first: second, second: first}, "", 0
    for place in here:
        line += match[0][last:place.start()] + swap.get(place[0], place[0])
        last = place.end()
    return put(text, match, 0, line + match[0][last:])


def part_hidden(text, evidence, rng):
    """A stretch of the report disappears in a comment."""
    starts = [match.start() for match in re.finditer(r"^(?:#{2,3} |\*\*)", text, re.M)]
    start, end = sorted(rng.sample(starts, 2))
    return f"{text[:start]}<!--\n{text[start:end]}-->\n{text[end:]}"


def unit_changed(text, evidence, rng):
    """A count becomes a percentage, a thousand, or not so."""
    match = rng.choice(list(re.finditer(r"\d<!--fact:(?!\S*_pct)\S+?-->()", text)))
    return put(text, match, 1, rng.choice([" %", "-thousand", " thousand", "0"]))


def sample_as_whole(text, evidence, rng):
    """What is out of the reviewed is said to be out of all, where not all were reviewed."""
    matches = [match for match in re.finditer(
        r"(\d+) of \d+<!--fact:((?:\w+ )?\S+) of review/reviewed(\S*?)-->", text)
        if evidence.facts[f"failed_rows{match[3]}"] != evidence.facts[f"review/reviewed{match[3]}"]]
    if not matches:
        return None
    match = rng.choice(matches)
    key = f"failed_rows{match[3]}"
    return put(text, match, 0, f"{match[1]} of {evidence.facts[key]}<!--fact:{match[2]} of {key}-->"
               )


CLASSES = [digit_changed, model_swapped, denominator_swapped, word_changed_in_quote,
           quote_of_another_datapoint, id_changed, citation_removed, negation_removed,
           bucket_count_edited, fact_and_number_edited, bucket_cites_unread, sentence_invented,
           bucket_renamed, models_transposed, part_hidden, unit_changed, sample_as_whole]
# Words that hold no number: scripts do not judge them.
WORDED = [citation_removed, sentence_invented]


def mutants(text: str, evidence: check.Evidence, mutate: Callable, seed: str) -> list[str]:
    """Different damaged texts of one class."""
    rng, made = random.Random(seed), []
    for _ in range(PER_CLASS * 4):
        new = mutate(text, evidence, rng)
        if new is not None and new != text and new not in made:
            made.append(new)
    return made[:PER_CLASS]


def test_finished_reports_hold(folders):
    for folder in folders:
        result = check.check(folder)
        assert result.findings == []
        assert result.proved["quotes"] > 15
        assert result.proved["citations"] > 20
        assert result.proved["numbers"] > 20
        assert result.proved["buckets"] >= 3


@pytest.mark.slow
def test_damage_is_seen(folders):
    """Scripts refuse it, but for words without a number; and what they do not refuse makes a second
    reader's answer void."""
    tried, missed = Counter(), Counter()
    for folder in folders:
        text = write.path_of(folder).read_text("utf-8")
        evidence = check.gather(folder)
        known = idents(text, evidence)
        for mutate in CLASSES:
            for new in mutants(text, evidence, mutate, f"{folder.name[:4]} {mutate.__name__}"):
                tried[mutate.__name__] += 1
                if not check.prove(new, evidence).findings:
                    missed[mutate.__name__] += 1
                    assert idents(new, evidence) - known, (mutate.__name__, new)
    bound = [mutate.__name__ for mutate in CLASSES if mutate not in WORDED]
    assert tried.total() >= 1000
    assert len(tried) == len(CLASSES) and min(tried.values()) >= 3, tried
    assert sum(missed[name] for name in bound) <= MOST_MISSED * sum(
        tried[name] for name in bound), missed
    print(f"{tried.total() - missed.total()} of {tried.total()} refused; {dict(missed)}")


def idents(text: str, evidence) -> set[str]:
    """The lines of the second reader's sheet."""
    return {entry.ident for entry in sheet.entries(check.prove(text, evidence).said, evidence)}


def sentences(kind: str) -> list[dict]:
    """The sentences that others wrote about the finished analyses."""
    path = Path(__file__).parent / "fixtures" / "sentences" / f"{kind}.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def with_sentence(text: str, one: dict, evidence) -> tuple[str, check.Evidence]:
    """A report with a sentence at the end of its section, filled as write_report.py fills it."""
    start = text.index(f"## Model `{one['model']}`") if one.get("model") \
        and not one["section"].startswith("## Model") else 0
    start = start if f"{one['section']}\n" in text[start:] else 0  # among the causes
    place = text.index(f"{one['section']}\n", start) + len(one["section"])
    end = re.compile(r"^#{1,6} ", re.M).search(text, place)
    place = end.start() if end else len(text)
    new = f"{text[:place]}{one['text'].rstrip()}\n\n{text[place:]}"
    filled, bound = bindings.filled(new, evidence.facts)
    return filled, evidence._replace(bound=evidence.bound + bound)


@pytest.mark.parametrize("kind, name, count", [
    ("true", "demo", 36), ("true", "trips", 38),
    pytest.param("true", "clinic", 52, marks=pytest.mark.slow),
    pytest.param("false", "demo", 191, marks=pytest.mark.slow),
    pytest.param("false", "trips", 188, marks=pytest.mark.slow),
    pytest.param("false", "clinic", 210, marks=pytest.mark.slow)])
def test_what_others_say_is_refused_or_read_by_a_second_reader(folders, kind, name, count):
    became, wrong = Counter(), []
    folder = folders[("demo", "trips", "clinic").index(name)]
    text, evidence = write.path_of(folder).read_text("utf-8"), check.gather(folder)
    before = Counter(map(said, check.prove(text, evidence).said))
    for one in (one for one in sentences(kind) if one["report"] == name):
        result = check.prove(*with_sentence(text, one, evidence))
        how = "refused" if result.findings else \
            "sheet" if Counter(map(said, result.said)) - before else "silent"
        became[how] += 1
        if how == {"false": "silent", "true": "refused"}[kind]:
            wrong.append((one["text"], result.findings))
    assert wrong == []
    assert became.total() == count, became
    print(kind, name, dict(became))


def said(one) -> tuple[str, str]:
    """What the second reader is given of a sentence."""
    return one.section, "".join(token.source for token in one.tokens)


def test_prose_without_claims_raises_no_alarm(folders):
    said = ("The wording of the request matters more than its length.",
            "A reader may see this otherwise; the transcript leaves room for it.",
            "See `references/review-method.md` for the method.", "*It stops too early.*",
            "In the first place, the task is not at all clear.")
    for folder in folders:
        text = write.path_of(folder).read_text("utf-8")
        evidence = check.gather(folder)
        for sentence in said:
            new = text.replace("**Trigger:**", f"{sentence}\n\n**Trigger:**", 1)
            assert check.prove(new, evidence).findings == [], sentence


def test_modules_agree_on_what_is_bound(folders):
    for folder in folders:
        text = write.path_of(folder).read_text("utf-8")
        values = facts.load(folder)
        bound = bindings.bound(text)
        assert all(token.number == relations.bind(token.value, values).printed
                   for _, token in bound)
        assert sum(len(sentence.all(prose.FACT)) for unit in prose.units(text)
                   for sentence in prose.sentences(unit)) == len(bound) > 10
