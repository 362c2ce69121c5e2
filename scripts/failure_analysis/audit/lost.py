"""Runs that lost what they worked with: the session, the network, the look-ups that hold what is to
be found."""

import re

from failure_analysis.audit import broken, golds, required, shell, wording
from failure_analysis.audit.item import Item
from failure_analysis.audit.seen import Made, Seen
from failure_analysis.audit.whole import Whole

_LONGEST, _SEVERAL = 300, 2
_HOLDER = (r"(?:sessions?|pty|tty|terminal|shell|tmux|kernel|container|sandbox|browser|target|"
           r"websocket|ssh|vnc|runtime|repl|pod|vm|docker|interpreter|notebook|environment|desktop|"
           r"emulator|device|driver)")
_GONE = (r"(?:lost|closed|died|dead|gone|terminated|crashed|disconnected|killed|evicted|"
         r"oom-?killed|unresponsive|not (?:running|responding|connected|alive)|"
         r"no longer \w+|does not respond|"
         r"hung up|went away|shut down|detached|stopped responding|unreachable)")
# One of these stands in each text that `_SESSION` finds.
_GONE_SIGNS = ("lost", "closed", "died", "dead", "gone", "terminated", "crash", "disconnect",
               "killed", "evicted", "not ", "no ", "respon", "hung up", "went away", "shut down",
               "detached", "unreachable", "reset")
_SESSION = re.compile(
    r"[\[(<](?:harness|runner|sandbox|infra\w*|env\w*|executor|orchestrator)[\])>:][^\n]*\b"
    + _GONE + rf"|\b{_HOLDER}\b[^\n.]{{0,40}}?\b{_GONE}\b|\b(?:lost|no) (?:connection|contact) "
    rf"(?:to|with) (?:the )?{_HOLDER}\b|\b(?:session|container|kernel|pod) (?:\S+ )?(?:was )?not "
    r"found\b|\bno such container\b|\bno server running on\b|\bno (?:active|such) session\b|"
    rf"\bconnection to (?:the )?{_HOLDER}[^\n.]{{0,30}}\b(?:lost|closed|reset)", re.I)
# What a model does that ends its own session.
_ENDS_IT = re.compile(r"\b(?:exit|logout|kill\w*|pkill|shutdown|reboot|poweroff|halt|close\w*|quit|"
                      r"stop\w*|restart\w*|terminate\w*|rm -rf /(?:\s|$)|iptables|systemctl|sshd|"
                      r"ulimit|fork|docker (?:rm|stop|kill))\b|\bwhile true\b|\(\)\s*\{", re.I)
_OF_NETWORKS = re.compile(r"\bnetwork|\bdns\b|resolv|\bproxy\b|offline|/etc/hosts|firewall|\bvpn\b|"
                          r"\broute|internet|connectivity|\bping\b|no access", re.I)
_REACHED = re.compile(r"successfully installed|bytes from|HTTP/[\d.]+ 200|saved \[|newly installed|"
                      r"resolving deltas: 100|added \d+ packages", re.I)
_LOCAL = re.compile(r"localhost|127\.0\.0\.1|\[::1\]|host\.docker")
_NOTHING = frozenset(("", "null", "none", "[]", "{}", '""', "''"))


def session(row: Seen, item: Item, whole: Whole) -> bool:
    """A failure of which the last calls, two or more, or all, got the word that the session is
    gone, which no call before had ended; or each row of the item ended so."""
    if row.outcome != "fail" or not row.made or not _says_gone(row.made[-1]):
        return False
    if _all_lost(item):
        return True
    first = len(row.made)
    while first and _says_gone(row.made[first - 1]):
        first -= 1
    before = row.made[first - 1] if first else None
    return (len(row.made) - first >= _SEVERAL if before else _others_work(row, item)) \
        and not (before and _ENDS_IT.search(f"{before.tool} {before.arguments}")) \
        and not _ENDS_IT.search(str(row.made[first].arguments)) \
        and not any(_says_gone(made) for other in item.rows if other.outcome == "pass"
                    for made in other.made)


def _others_work(row: Seen, item: Item) -> bool:
    """Whether one that passed worked in what was never there for a row."""
    return any(other.outcome == "pass" and other.made for other in item.rows)


def _all_lost(item: Item) -> bool:
    """Whether the last call of each row that called, of two models or more, says that the session
    is gone, of which the question does not speak, and none passed: what all of them end cannot be
    worked in."""
    if re.search(_HOLDER, item.question, re.I):
        return False
    acted = [row for row in item.rows if row.made]
    return len({row.model for row in acted}) >= _SEVERAL and all(
        row.outcome == "fail" for row in item.rows) and all(
        _says_gone(row.made[-1]) for row in acted)


def _says_gone(made: Made) -> bool:
    return 0 < len(made.result) < _LONGEST \
        and any(map(made.result.casefold().__contains__, _GONE_SIGNS)) \
        and bool(_SESSION.search(made.result))


def network(row: Seen, item: Item, whole: Whole) -> bool:
    """A failure that met a sandbox without a network, as most rows of the item did and no row got
    through or passed; not where the question is about networks."""
    return row.outcome == "fail" and not any(other.outcome == "pass" for other in item.rows) \
        and _met_none(row) and _is_cut_off(item)


def _met_none(row: Seen) -> bool:
    return any(wording.has_any(made.result, broken.NETWORK_SIGNS) and broken.NETWORK.search(
        made.result) and not _LOCAL.search(f"{made.result}{made.arguments}") for made in row.made)


def _is_cut_off(item: Item) -> bool:
    if _OF_NETWORKS.search(item.question):
        return False
    met = [row for row in item.rows if _met_none(row)]
    return (len({row.model for row in met}) >= _SEVERAL and 3 * len(met) >= 2 * len(item.rows)
            and not any(_REACHED.search(made.result) for row in item.rows for made in row.made))


def look_ups(row: Seen, item: Item, whole: Whole) -> bool:
    """A failure after look-ups that are empty in all rows, where a name that is expected stands
    neither in the question nor in anything that a tool said."""
    return row.outcome == "fail" and bool(_looked(row)) and (_is_unknowable(item, whole)
                                                             or _one_word(item, whole))


_READS = re.compile(r"(?:^|_)(?:get|read|open|view|fetch|load|visit|show|download|browse)_?"
                    r"(?:\w+_)?(?:page|file|doc\w*|url|site|web\w*|notice|article|text|content|"
                    r"mail|message|"
                    r"record|attachment|image|pdf|sheet|screen\w*|log|board|thread|book)s?$|"
                    r"^(?:read|open|browse|visit|fetch|goto|navigate)$", re.I)


def not_given(row: Seen, item: Item, whole: Whole) -> bool:
    """A failure that says that the file which the question speaks of is not there, as all do, of
    two models or more."""
    return row.outcome == "fail" and not row.made \
        and len({other.model for other in item.rows}) >= _SEVERAL \
        and bool(_ATTACHED.search(item.question)) and all(
            other.outcome == "fail" and not other.made and _lacks(other) for other in item.rows)


_ATTACHED = re.compile(r"\b(?:attach\w*|enclosed|uploaded|"
                       r"(?:see|in|from|of) (?:the )?(?:file|image|picture|photo|pdf|document|"
                       r"screenshot|recording|audio|video|spreadsheet)|"
                       r"this (?:file|image|picture|photo|pdf|recording|audio|video))\b", re.I)
_LACKS = re.compile(
    r"\b(?:no|missing|without an?|not (?:get|receive|see|find|open|load)(?: \w+)?|n['’]t (?:get|"
    r"receive|see|find|open|load)(?: \w+)?) (?:\w+ )?(?:file|image|attachment|picture|photo|pdf|"
    r"document|upload|recording|audio|video|log|screenshot)\b|\b(?:file|image|attachment|picture|"
    r"photo|pdf|document|upload|recording|audio|video|screenshot)\b[^.\n]{0,30}\b(?:missing|404|"
    r"not (?:\w+ )?(?:found|there|attached|available|loaded|delivered|given|included|provided)|"
    r"unavailable|empty|could not be|failed to load|is blank)\b", re.I)


def _lacks(row: Seen) -> bool:
    return 0 < len(row.answer) < _LONGEST and bool(_LACKS.search(row.answer))


def _looked(row: Seen) -> list[Made]:
    return [made for made in row.made if not required.writes(made.tool)]


def _is_unknowable(item: Item, whole: Whole) -> bool:
    looked = [(row.model, made) for row in item.rows for made in _looked(row)]
    if len({model for model, _ in looked}) < _SEVERAL \
            or any(row.outcome == "pass" for row in item.rows) \
            or any(made.result.strip().casefold() not in _NOTHING for _, made in looked) \
            or not any(tool.told for tool in whole.tools.values()):
        return False
    told = [item.question] + [f"{made.arguments} {made.result}"
                              for row in item.rows for made in row.made]
    return any(re.fullmatch(r"(?=.*[\d@])\S{3,}", text) and not any(text in one for one in told)
               for call in required.required(item.expected) or ()
               for text in golds.scalars(call.arguments))


_NO_TABLE = re.compile(r"\b(?:relation|table) [\"'`]?(?:\w+\.)?(\w+)[\"'`]? "
                       r"(?:does not|doesn't) exist|\bno such table: (?:\w+\.)?(\w+)", re.I)
_NO_FILE = re.compile(r"no such file|cannot (?:access|open|find|stat)|not found|does(?: not|n't) "
                      r"exist|FileNotFound|ENOENT", re.I)
_PATH = re.compile(r"(?<![\w./:])(/[\w.-]+)+(/[\w.-]+)")
_IF_THERE = re.compile(r"\b(?:missing|exists?|if|whether|absent|restore|recover|create)\b", re.I)


def not_loaded(row: Seen, item: Item, whole: Whole) -> bool:
    """A failure after a query of a table or a look at a file that the question names, and that was
    there in no row of two models or more, of which none passed."""
    return row.outcome == "fail" and bool(row.made) \
        and len({other.model for other in item.rows}) >= _SEVERAL \
        and all(other.outcome != "pass" for other in item.rows) and (
            all(_no_table(other, item.question) for other in item.rows)
            or not _IF_THERE.search(item.question) and any(
                all(_no_file(other, found) for other in item.rows)
                for found in _PATH.finditer(item.question)))


def _no_table(row: Seen, question: str) -> bool:
    """Whether a table that a question names was not there."""
    return any(name and re.search(rf"\b{name}\b", question) for made in row.made
               for found in _NO_TABLE.findall(made.result[:_LONGEST]) for name in found)


def _no_file(row: Seen, path: re.Match[str]) -> bool:
    """Whether all that a row got of a file and what stands above it is that it is not there."""
    above, name = path[0].removesuffix(path[2]), path[2][1:]
    tried = [made.result for made in row.made if above in (asked := str(made.arguments))
             or name in asked]
    return bool(tried) and all(_NO_FILE.search(one) or not one.strip() for one in tried)


def _one_word(item: Item, whole: Whole) -> bool:
    """Whether all that was read of pages, files or the like by their names is blank, or what two
    tools said to other arguments each time is nothing or one sentence that names nothing of these:
    for two models or more, of which none passed; where results are recorded at all."""
    if not all(row.outcome == "fail" and row.made for row in item.rows):
        return False
    read = [(row.model, made) for row in item.rows for made in _looked(row)]
    said = {made.result[:_LONGEST].strip() for _, made in read}
    if len({text[:5] for text in said}) > 1 or len(read) <= _SEVERAL:
        return False
    said = {re.sub(r"\d", "#", text) for text in said}
    if len({model for model, _ in read}) < _SEVERAL or len(said) > 1 \
            or any(shell.command(made) for _, made in read) \
            or not any(tool.told for tool in whole.tools.values()):
        return False
    text = said.pop().casefold()
    if not text and all(_READS.search(made.tool) and not made.failed for _, made in read):
        return True
    return (len({made.tool for _, made in read}) > 1 and (not text or " " in text or len(text) > 12)
            and len({str((made.tool, made.arguments)) for _, made in read}) > _SEVERAL
            and not any(len(one) > 1 and one.casefold() in text for _, made in read
                        for one in golds.scalars(made.arguments)))


_UNFILLED = re.compile(r"\{\{[^{}]+\}\}|\$\{\w+\}|<<\w+>>|\{[a-z_]+\}|%\(\w+\)s")
_NOTICE = re.compile(r"\s*\[[^\[\]]{4,}\]\s*\Z|\s*\[(?:\w*sim\w*|user|system|runner|harness|"
                     r"proxy)\]", re.I)
_STOPS = re.compile(r"\W*(?:#{2,}|<|\[|_{2,})\W*[A-Za-z_]+\W*(?:#{2,}|>|\]|_{2,})\W*")


def user(row: Seen, item: Item, whole: Whole) -> bool:
    """A failure with calls due and none made, as the simulated user said nothing that a user says,
    to the last, as it did to none who passed."""
    if row.outcome != "fail" or not row.heard or any(required.writes(made.tool)
                                                     for made in row.made):
        return False
    passed = [other for other in item.rows if other.outcome == "pass" and other.made]
    if not passed or not _is_no_user(row.heard[-1], item.question):
        return False
    if _STOPS.fullmatch(row.heard[-1]) and (len(row.heard) > 1 or row.made
                                             or row.answer.strip()[-1:] not in ("", "?", "？")):
        return False
    return not any(_is_no_user(text, item.question) and not _STOPS.fullmatch(text)
                   for other in passed for text in other.heard) and any(
        other.heard for other in passed)


def _is_no_user(text: str, question: str) -> bool:
    """Whether a turn is blank, a notice in brackets, a form that nobody filled in, an error, or the
    sign to stop and no word."""
    unfilled = _UNFILLED.search(text)
    return not text.strip() or bool(unfilled and unfilled[0] not in question) \
        or bool(_NOTICE.match(text) or _STOPS.fullmatch(text)) \
        or broken.stands_for_answer(text, question, "") or broken.failed(text)
