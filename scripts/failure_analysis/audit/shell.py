"""Shell commands as tool calls: whether one only looks, and whether it failed by its words."""

import re

from failure_analysis.audit import required
from failure_analysis.audit.seen import Made, Seen

_KEYS = ("cmd", "command", "commands", "keystrokes", "bash")
_PARTS = re.compile(r"&&|\|\||[;|\n]")
_REDIRECT = re.compile(r"(?<![0-9&])>(?!\s*/dev/null)|\btee\b")
_LOOKS = re.compile(
    r"^\s*(?:sudo )?(?:cat|ls|head|tail|wc|grep|egrep|rg|find(?!.*(?:-delete|-exec))|stat|file|pwd|"
    r"echo|df|du|ps|which|type|env|id|whoami|date|diff|cmp|tree|less|more|sort|uniq|cd|test|true|"
    r"printenv|uname|hostname|nproc|free|ss|netstat|ping|dig|nslookup|sleep|sed -n|awk|man|"
    r"systemctl (?:status|is-active|is-enabled|list\S*|show|cat)|journalctl|"
    r"git (?:status|log|diff|show|branch$|remote -v|rev-parse|ls-files|blame)|"
    r"docker (?:ps|logs|images|inspect)|kubectl (?:get|describe|logs)|"
    r"pip (?:list|show|freeze)|\S+ (?:--version|--help))(?:\s|$)")
_REFUSED = re.compile(
    r"^(?:fatal|error|e): |\b(?:permission denied|operation not permitted|command not found|"
    r"no such file or directory|read-only file system|no space left on device)\b", re.I)


def command(made: Made) -> str:
    """The shell command of a call; blank where it is none."""
    given = made.arguments
    if isinstance(given, dict):
        given = next((given[key] for key in _KEYS if key in given), "")
    elif made.tool.lower() not in ("bash", "shell", "sh", "terminal"):
        return ""
    if isinstance(given, list):
        given = " ".join(map(str, given))
    return given if isinstance(given, str) else ""


def looks(made: Made) -> bool:
    """Whether a call is a shell command that changes nothing."""
    text = command(made)
    return bool(text.strip()) and not _REDIRECT.search(text) \
        and all(_LOOKS.match(part) for part in _PARTS.split(text) if part.strip())


def failed(made: Made) -> bool:
    """Whether a call failed, by its tool or by the last words of a shell command."""
    if made.failed or not command(made):
        return made.failed
    last = made.result.strip().rsplit("\n", 1)[-1]
    return len(last) <= 300 and bool(_REFUSED.search(last))


def wrote(row: Seen) -> list[Made]:
    """The writes of a datapoint that nothing refused, commands that only look left out."""
    return [one for one in required.wrote(row) if not looks(one) and not failed(one)]
