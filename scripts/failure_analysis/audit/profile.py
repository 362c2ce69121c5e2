"""What all golds of a benchmark are like, so that one of another kind is seen."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from failure_analysis.audit import demands, golds, required
from failure_analysis.audit.seen import Seen

FEWEST_SIBLINGS = 5  # golds of a kind, before another one is odd


@dataclass
class Profile:
    """Kinds of golds by template; by task and template, and by task alone, how many golds have
    numbers, have `held` only those of the question, `permute` just these; of each task how many
    golds there are, break off, are no number or letter where one is asked for; demands kept and
    broken; what questions say is the answer though it is not; items with one content whose names
    differ in case and white space; how often each write is required; whether any template has
    golds enough to say something of one."""

    kinds: dict[tuple[str, str], Counter] = field(default_factory=dict)
    tasks: dict[str, Counter] = field(default_factory=dict)
    figures: dict[tuple[str, str], Counter] = field(default_factory=dict)
    demands: Counter = field(default_factory=Counter)
    stated: Counter = field(default_factory=Counter)
    names: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    writes: Counter = field(default_factory=Counter)
    has_templates: bool = False

    def add(self, other: "Profile") -> None:
        """Adds the profile of other items."""
        for mine, its in ((self.kinds, other.kinds), (self.tasks, other.tasks),
                          (self.figures, other.figures)):
            for key, counts in its.items():
                mine.setdefault(key, Counter()).update(counts)
        self.demands.update(other.demands)
        self.stated.update(other.stated)
        self.writes.update(other.writes)
        for key, idents in other.names.items():
            self.names.setdefault(key, []).extend(idents)

    def leave_single(self) -> None:
        """Drops what too few items share to say anything of one of them."""
        self.names = {key: idents for key, idents in self.names.items() if len(idents) > 1}
        self.kinds = {key: counts for key, counts in self.kinds.items()
                      if max(counts.values()) >= FEWEST_SIBLINGS}
        self.figures = {key: counts for key, counts in self.figures.items()
                        if counts["numbers"] > FEWEST_SIBLINGS}
        self.has_templates = bool(self.kinds) or any(key for _, key in self.figures)

    def template(self, question: str) -> str:
        """The template of a question; blank where no template has golds enough."""
        return golds.template(question) if self.has_templates else ""


def profile(items: Iterable[tuple[str, str, Seen]]) -> Profile:
    """The profile of all items: (name, fingerprint, a datapoint) of each."""
    whole = Profile()
    for ident, print_, row in items:
        whole.names.setdefault((golds.name_key(ident), print_), []).append(ident)
        if row.expected in (None, ""):
            continue
        task = row.task or ""
        whole.writes.update(call.name for call in required.required(row.expected) or ()
                            if required.writes(call.name) and call.by == "assistant")
        if key := golds.template(row.question):
            whole.kinds.setdefault((task, key), Counter())[golds.kind_of(row.expected)] += 1
        gold = golds.plain(row.expected)
        if gold is not None:
            _add(whole, task, row.question, gold)
            for one in dict.fromkeys(("", key)):
                whole.figures.setdefault((task, one), Counter()).update(
                    figures(row.question, gold))
    return whole


def figures(question: str, gold: str) -> dict[str, bool]:
    """Whether a gold has numbers, only such as stand in its question, and three or more that are
    the question's in another order."""
    asked, said = Counter(golds.numbers(question)), Counter(golds.numbers(gold))
    return {"numbers": bool(said), "held": bool(said) and said.keys() <= asked.keys(),
            "permute": said.total() > 2 and said == asked}


def _add(whole: Profile, task: str, question: str, gold: str) -> None:
    """Adds one gold."""
    wanted, offered = golds.wants_number(question), bool(golds.options(question))
    whole.tasks.setdefault(task, Counter()).update({
        "golds": 1, "unclosed": golds.unclosed(gold), "hangs": golds.hangs(gold), "wanted": wanted,
        "not_number": wanted and not golds.is_any_number(gold),
        "long": len(gold.split()) > 5, "unended": golds.unended(gold),
        "offered": offered, "not_letter": offered and golds.kind(gold) != "letter"})
    whole.demands.update((task, *demand) for demand in set(demands.of(question, gold)))
    said = golds.stated(question)
    if said is not None and said != golds.folded(gold):
        whole.stated[said] += 1
