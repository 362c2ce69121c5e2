"""What a call did by its words: whether a shell command only looks, whether a tool refused."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from failure_analysis import tool_calls
from failure_analysis.audit import required, wording
from failure_analysis.audit.seen import Made, Seen
from failure_analysis.patterns import re_compile
from failure_analysis.tool_checks import parsed_arguments

_KEYS = ("cmd", "command", "commands", "keystrokes", "bash")
_ANY_KEY = frozenset(_KEYS)
_QUERY_KEYS = frozenset(("q", "query", "sql", "statement"))
_QUERY = re_compile(r"\W*(?:select|show|describe|explain|pragma)\b(?!.*\binto\b)", re.I)
_PARTS = re_compile(r"&&|\|\||[;|\n]")
_REDIRECT = re_compile(r"(?<![0-9&])>(?!\s*/dev/null)|\btee\b")
_LOOKS = re_compile(
    r"^\s*(?:sudo )?(?:cat|ls|head|tail|wc|grep|egrep|rg|find(?!.*(?:-delete|-exec))|stat|file|pwd|"
    r"echo|df|du|ps|which|type|env|id|whoami|date|diff|cmp|tree|less|more|sort|uniq|cd|test|true|"
    r"printenv|uname|hostname|nproc|free|ss|netstat|ping|dig|nslookup|sleep|sed -n|awk|man|"
    r"(?:sha\d*|md5)sum|cksum|getent|lsof|lsblk|blkid|readlink|realpath|xxd|hexdump|od|jq|cut|"
    r"mypy|flake8|pylint|pyflakes|pytest|coverage report|go vet|cargo (?:check|clippy)|"
    r"ruff(?: check)?(?!.*--fix)(?! format)|tsc --noEmit|"
    r"ufw (?:status|show)|iptables (?:-t \w+ )?(?:-L|-S|--list)|firewall-cmd --list|crontab -l|"
    r"ip (?:addr|a|route|link)(?: show)?|nginx -t|service \S+ status|tar -?t\w*|unzip -l|nmap|"
    r"systemctl (?:status|is-active|is-enabled|list\S*|show|cat)|journalctl|"
    r"git (?:status|log|diff|show|branch$|branch (?:-[arv]+|--merged|--no-merged|--list)|remote -v|"
    r"rev-parse|rev-list|ls-files|ls-remote|blame|describe|shortlog|reflog|grep|stash list|tag -l|"
    r"config (?:--(?:local|global) )?(?:--get\S*|--list|-l))|"
    r"docker (?:ps|logs|images|inspect)|(?:kubectl|oc|helm)(?: --?[\w-]+(?:[ =](?!-)\S+)?)*? "
    r"(?:get|describe|logs|top|explain|list|ls|status|history|"
    r"rollout (?:status|history)|config view)|pip (?:list|show|freeze)|\S+ (?:--version|--help)|"
    # A program with words of its own, of which the last is to look, or to try without doing it.
    r"(?!(?:rm|mv|cp|ln|touch|mkdir|rmdir|ch\w+|p?kill\w*|tee|dd|make|bash|z?sh|python\S*|node|perl|"
    r"ruby|vim?|nano|go|npm|source|exec|xargs|sed|tar|g?zip|gunzip|user\w+|set|export|run|curl|"
    r"wget|git|docker|apt\S*|yum|dnf|brew|cargo|sudo|su|install|env|systemctl|service)\s)"
    r"[a-z][\w-]*(?: [a-z][\w-]*){0,2}? (?:list|ls|status|show|get|describe|info|validate|check|"
    r"verify|version|help|history|logs?|search|find|view|inspect|diff|plan|whoami))(?:\s|$)|"
    r"(?=.*\s(?:--dry-run|--dryrun|--simulate|--what-?if|--no-act|--check-only)(?:[\s=]|$))")
_REFUSED = re_compile(
    r"^ *! \[(?:remote )?rejected\]|^\W*exit(?:ed)?(?: with)?(?: code| status)?[:= ]*[1-9]\d{0,2}"
    r"\W*$|\b(?:crc|checksum|signature|hash|version|digest|size) mismatch\b|\brolled back\b|"
    r"\bnothing (?:was |has been )?(?:written|sent|changed|applied|done|uploaded|updated)\b|"
    r"\bdry[ -]?run\b(?! ?[:=] ?(?:false|off|no|0))|\bdisk quota exceeded|\bi/o error|"
    r"\bcannot allocate\b|\bcore dumped\b|\boom-?killed\b|\bstate lock\b|"
    r"\b(?:transaction|changes|update|upload|request|job) (?:was |were |has been )?"
    r"(?:aborted|rejected|rolled back|reverted|declined|refused)\b|"
    r"^(?:\w+ )?(?:fatal|error|e|err!|panic)(?:\[\w+\])?[:!] ?|^(?:npm err!|failed to |cannot |"
    r"could not |unable to |[\w./-]+: (?:cannot|could not|unable to|failed to) |"
    r"sudo: |make: \*\*\*|traceback \()|^\w*(?:Error|Exception)\b: |"
    r"\b(?:permission denied|operation not permitted|command not found|access denied|"
    r"no such file or directory|read-only file system|no space left on device|"
    r"segmentation fault|connection (?:refused|timed out)|could not resolve|not a directory|"
    r"authentication failed|unit \S+ not found|device or resource busy|"
    r"failed (?:because|with|due to)|child returned status [1-9]|not in gzip format|"
    r"exit(?:ed)?(?: with)? (?:code|status)[:= ]+[1-9]\d{0,2})\b",
    re.I)
_REASONS = (r"forbidden|unauthori[sz]ed|not found|conflict|bad request|locked|gone|too many|"
            r"unprocessable|precondition|method not|payment required|request timeout|internal|"
            r"bad gateway|service unavailable|gateway|not acceptable")
_DONE = (r"updated|saved|applied|created|deleted|removed|sent|changed|modified|stored|booked|"
         r"cancell?ed|added|written|accepted|processed|completed|executed|submitted|scheduled|"
         r"delivered|recorded|posted|moved|paid|set")
# What a tool says with its first words where it did nothing.
_SAYS_NO = re_compile(
    rf"\W*(?:(?:https?(?:/\d(?:\.\d)?)?|status(?: code)?)?[ :=]*[45]\d\d\W+(?:{_REASONS})|"
    r"(?:error[: ]+)?https?(?:/\d(?:\.\d)?)?(?: (?:status|error))?(?: code)?[ :=]*[45]\d\d\b|"
    r"(?:update|delete|rows? (?:affected|matched|changed)\W*|insert 0) 0\b|rollback\b|"
    r"[45]\d\d [45]\.\d{1,3}\.\d{1,3}\b|(?:grpc|rpc) (?:error|status)|[\w./-]+: (?:cannot|"
    r"could not|unable to|failed to) |(?:access |permission |request |operation |action |update |"
    r"write |call )?(?:is |was |has been )?(?:denied|refused|rejected|declined|forbidden|"
    r"unauthori[sz]ed|aborted|failed|not allowed|not permitted|blocked by|"
    r"timed out)\b(?! ?[:=] ?(?:0|none|false))|(?:cannot|can['’]t|could not|couldn['’]t|unable to|"
    r"failed to|refusing to|too late|not possible|no longer possible)\b|(?:no|nothing|none|"
    r"0)(?: \w+){0,2} (?:was|were|has been|have been|rows?|changes?)?\b ?"
    rf"(?:{_DONE}|affected|made)\b|(?:\w+ ){{0,3}}(?:was |were |has |"
    rf"is )?not(?: been)? (?:{_DONE})\b|"
    r"(?:https?[ /\d.]*)?4(?:0[0-9]|1\d|2[2-9]) (?:\w+ ){0,4}(?:missing|invalid|required|expired|"
    r"frozen|locked|disabled|closed|read-only|blocked|suspended|archived|embargo\w*|protected|"
    r"errors?|fail\w*|unsupported)\b|"
    r"(?:please |you (?:must|need to|have to) (?:be )?)(?:sign|log)(?:ged)? ?in\b|"
    r"(?:your )?(?:session|token|login) (?:has |is )?expired\b|(?:log|sign)[ -]?in required\b|"
    rf"(?:ok|success\w*|{_DONE})[\"']?\s*[:=]\s*(?:false|no|0)\b)", re.I)
IS_SO = re_compile(r"\b\w+ed[\"']?\s*[:=]\s*true\b", re.I)
# What it says anywhere in few words where it did nothing, and what takes that back.
_SAYS_NOT_DONE = re_compile(
    r"\b(?:rolled back|reverted|mismatch|dry[ -]?run|simulat(?:ed|ion) only|no-?op|"
    r"(?:was |were |is |has been |are )?(?:rejected|declined|refused|denied|bounced|undeliver\w+)|"
    r"nothing (?:was |has been )?(?:written|sent|changed|applied|done|saved)|"
    rf"(?:was |were |is |has |been )?not (?:been )?(?:{_DONE})|timed out|"
    r"code ?= ?(?:unavailable|internal|unauthenticated|permissiondenied|aborted|notfound|"
    r"invalidargument|failedprecondition|deadlineexceeded|resourceexhausted|unimplemented|unknown)|"
    r"(?:quota|limit) (?:is |was )?exceeded|insufficient \w+|out of stock|"
    r"mailbox (?:is )?(?:full|unavailable)|"
    r"connection (?:\w+ )?(?:refused|reset|lost|closed|aborted|broken)|"
    r"slipped|jammed|stalled|collided|overheated|"
    r"(?:object|item|load|part|package) (?:was )?(?:dropped|fell)|"
    r"unavailable|forbidden|unauthori[sz]ed|conflict with|already (?:taken|booked|exists|in use))\b"
    r"|<(?:h1|title)>\s*(?:error )?[45]\d\d\b", re.I)
_UNDOES = re_compile(r"\b(?:roll(?:ed)?[ -]?back|revert(?:ed)?|und(?:o|one)|abort(?:ed)?)\b", re.I)
_NOT_DONE_SIGNS = ("back", "revert", "mismatch", "dry", "simulat", "op", "ed", "nothing", "not ",
                   "code", "insufficient", "out of", "mailbox", "connection", "unavail", "forbid",
                   "conflict", "already", "undeliv", "<h1", "<title")
_BUT_DONE = re_compile(
    rf"(?<!not )(?<!not been )(?<!nothing )(?<!nothing was )\b(?:{_DONE}|success\w*|ok|retried)\b"
    r"(?! ?[:=] ?(?:false|no\b|0))|\b(?:no|0|without|never|old|previous\w*|if|unless|any|would) "
    r"(?:\w+ )?(?:conflict|mismatch|reject|declin|refus|bounc|denied|dropped|error)|\?", re.I)
_OK_KEYS = frozenset(("ok", "success", "successful", "succeeded", "saved", "applied", "executed",
                      "persisted", "committed", "written", "stored", "delivered"))
_STATUS_KEYS = frozenset(("status", "result", "outcome", "response", "state", "delivery", "phase",
                          "decision", "verdict", "disposition", "ack", "reply"))
# What a write answers with of itself where nothing else in the result is true.
_TOOK = frozenset(("accepted", "queued", "enqueued", "sent", "processed", "recorded", "registered",
                   "acknowledged", "updated", "created", "changed", "moved", "placed", "uploaded",
                   "booked", "reserved", "submitted", "added", "removed", "deleted", "inserted",
                   "posted", "stored", "effective", "took_effect", "found", "permitted",
                   "authorized"))
_WHY = re_compile(r"reason|error|message|detail|code|why|cause|hint|retry|note|warn|status", re.I)
# What tells of another thing than of the write.
_TELLS_OF = re_compile(r"type|kind|sever|level|categor|reason|name|title|label|prev|old|last|"
                       r"filter|"
                       r"subject|text|body|note|comment|descr|topic|query|tag|class|mode|result_of|"
                       r"condition|on_|if_|default|message", re.I)
_CODE_KEYS = frozenset(("status", "status_code", "statuscode", "http_status", "http_code", "http"))
_NO_STATES = re_compile(
    r"(?:error|fail\w*|reject\w*|denied|refused|declined|forbidden|unauthori[sz]ed|"
    rf"not[ _-](?:{_DONE}|found|allowed|permitted|authori[sz]ed)|conflict|aborted|invalid\w*|"
    r"unchanged|time(?:d[ _-]?)?out|bounced|undelivered|held|on[ _-]hold|roll(?:ed)?[ _-]?back|"
    r"reverted|unsent|no[ _-]?op|dry[ _-]?run|simulated|unavailable|insufficient|not[ _-]delivered|"
    r"blocked|suspended|discarded|out[ _-]of[ _-]stock|quota\w*|stalled|[45]\d\d)(?:[ _:-].*)?",
    re.I | re.S)
_SURELY_NO = re_compile(r"(?:fail(?:ed|ure)|rejected|denied|refused|declined|forbidden|bounced|"
                        rf"not[ _-](?:{_DONE}))(?:[ _:-].*)?", re.I | re.S)
_COUNTS = frozenset(("rows_affected", "affected_rows", "affected", "modified_count",
                     "deleted_count", "updated_count", "matched", "rowcount", "row_count",
                     "bytes_written", "bytes_sent", "bytes_uploaded", "rows_changed", "changes",
                     "rows_updated", "rows_deleted", "rows_inserted", "matched_count"))
_DEED = re_compile(r"(?:made|crafted|built|created|added|inserted|updated|changed|modified|deleted|"
                   r"removed|sent|moved|written|saved|booked|ordered|bought|sold|produced|"
                   r"transferred|paid|processed|applied|rows|records)(?:_(?:count|rows|items))?")
_TRIES = re_compile(r"\s--(?:dry-?run|simulate|what-?if|no-act|check-only)\b")
_FEW_LINES, _FEW_KEYS, _LONG_VERB = 20, 4, 5
_SHOWN = 300  # characters of a result
_INNER = ("result", "data", "response", "body")


def command(made: Made) -> str:
    """The shell command of a call; blank where it is none."""
    given = made.arguments
    if isinstance(given, dict):
        if _ANY_KEY.isdisjoint(given):
            return ""
        given = next(given[key] for key in _KEYS if key in given)
    elif made.tool.lower() not in ("bash", "shell", "sh", "terminal"):
        return ""
    if isinstance(given, list):
        given = " ".join(map(str, given))
    return given if isinstance(given, str) else ""


def looks(made: Made) -> bool:
    """Whether a call is a shell command, or a query, that changes nothing."""
    text = command(made)
    if not text and isinstance(made.arguments, dict) and not _QUERY_KEYS.isdisjoint(made.arguments):
        return any(isinstance(value, str) and _QUERY.match(value)
                   for value in made.arguments.values())
    return bool(text.strip()) and not _REDIRECT.search(text) \
        and all(_LOOKS.match(part) for part in _PARTS.split(text) if part.strip())


@lru_cache(1 << 10)
def failed(made: Made) -> bool:
    """Whether a call failed, by its tool, by what the tool says, or by the last words of a shell
    command."""
    if made.failed:
        return True
    if not command(made):
        said = denial(made.tool, made.result) if required.writes(made.tool) else ""
        return bool(said) and not _is_own(said, made.arguments)
    if _TRIES.search(command(made)):
        return False  # and does nothing, as it is told
    lines = made.result.strip().split("\n")
    while len(lines) > 1 and lines[-1].startswith("hint:"):
        lines.pop()
    refused = _REFUSED.search(lines[-1]) if len(lines[-1]) <= 300 else None
    return bool(refused) and not (_UNDOES.search(refused[0]) and _UNDOES.search(command(made))) \
        or _one_refused(made, lines)


def _one_refused(made: Made, lines: Sequence[str]) -> bool:
    """Whether of several commands the only one that may change something was refused, though one
    behind it that looks had the last word."""
    parts = [part.split() for part in _PARTS.split(command(made)) if part.strip()]
    acting = [part[0] for part in parts if not _LOOKS.match(" ".join(part))] \
        if len(parts) > 1 and len(lines) < _FEW_LINES else []
    return len(acting) == 1 and any(line.startswith(f"{acting[0]}: ") and _REFUSED.search(line)
                                    for line in lines)


def judged(made: Sequence[Made]) -> list[Made]:
    """Calls, those that failed by their words marked as failed."""
    return [one if one.failed or not failed(one) else msgspec.structs.replace(one, failed=True)
            for one in made]


def _is_own(said: str, arguments: Any) -> bool:
    """Whether what sounds like a refusal is what the call was to bring about."""
    if re.search(r"\d|false$", said):
        return False  # a count or a code
    given = tool_calls.result_text(arguments)[:400].casefold()
    return any(word[:6] in given for word in re.findall(r"[a-z]{5,}", said)
               if word not in ("already", "nothing")) \
        or re.sub("[^a-z]", "", said) in re.sub("[^a-z]", "", given) \
        or bool(_UNDOES.search(given) and _UNDOES.search(said))


@lru_cache(1 << 14)
def denial(tool: str, result: str) -> str:
    """The word with which a tool that writes says that it did not; blank where it does not."""
    text = result.strip()
    if text[:1] != "{":
        found = len(text) <= 300 and not IS_SO.search(text) and (
            _SAYS_NO.match(text) or _not_done(text)
                                      or _not_so(tool, text))
        return found[0].strip().casefold() if found else ""
    if not isinstance(said := parsed_arguments(text), dict):
        return ""
    inner = (said[key] for key in _INNER if isinstance(said.get(key), dict))
    return next(filter(None, (_says_no(tool.casefold(), one) for one in (said, *inner))), "")


def _not_so(tool: str, text: str) -> re.Match[str] | None:
    """The words that say that just what a tool is for was not done, whatever else was."""
    verb = re.match(r"[A-Za-z]?[a-z]*", tool)[0] if "not " in text.casefold() else ""
    stem = verb[:3] if len(verb) < _LONG_VERB else verb[:-1]
    return re.search(rf"\bnot (?:yet |been )*{stem}\w*(?:[dt]|en)\b(?! only)", text, re.I) \
        if len(stem) > 2 else None


def _says_no(tool: str, said: dict[str, Any]) -> str:
    """The field or state of a result that says that nothing was done; a tool that declines says so
    too."""
    verb = re.split(r"[^a-z]", tool)[0]
    if len(verb) >= _LONG_VERB and any(
            isinstance(said.get(key), str) and said[key][:len(verb)].casefold() == verb
            for key in _STATUS_KEYS):
        return ""  # `scheduled`, of a tool that schedules
    for name, value in said.items():
        key = name.casefold()
        mine = key in _OK_KEYS or key == "sent" or key.endswith(("ed", "paid")) \
            and verb[:5] == key[:len(verb[:5])] or key in _TOOK and all(
                other == name or value is None or _WHY.match(other)
                for other, value in said.items())
        if value is False and mine or value == 0 and value is not False and (
                mine or key in _COUNTS):
            return f"{key} {value}".casefold()
        if key in _CODE_KEYS and isinstance(value, int) and 400 <= value < 600:
            return f"{key} {value}".casefold()
        if value == 0 and type(value) is int and _DEED.fullmatch(key) and not any(
                type(other) is int and other > 0 or isinstance(other, list | str) and other
                for other in said.values()):
            return f"{key} {value}".casefold()
        if isinstance(value, str) and value.strip()[:4].casefold().replace(
                "held", "hold") not in tool and (
                key in _STATUS_KEYS and _NO_STATES.fullmatch(value.strip())
                or len(said) < _FEW_KEYS and not _TELLS_OF.search(key)
                and _SURELY_NO.fullmatch(value.strip())):
            return value.strip().casefold()
    return ""


def _not_done(text: str) -> re.Match[str] | None:
    """The words that say somewhere in few that nothing was done, where none says that something
    was."""
    return _SAYS_NOT_DONE.search(text) if wording.has_any(text, _NOT_DONE_SIGNS) \
        and not _BUT_DONE.search(text) else None


@lru_cache(1 << 7)
def wrote(row: Seen) -> Sequence[Made]:
    """The writes of a datapoint that nothing refused, commands that only look left out."""
    return tuple(one for one in required.wrote(row) if not looks(one) and not failed(one))


def in_words(made: Made) -> str:
    """A call with its result, of which the beginning is enough."""
    cut = f"{made.result[:_SHOWN]}…" if len(made.result) > _SHOWN else made.result
    return f"{made.tool} {tool_calls.result_text(made.arguments)} -> {cut}"
