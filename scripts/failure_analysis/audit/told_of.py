"""What a sentence tells of a shell command, and of the things that a call was for."""

import re

from failure_analysis.audit import golds, shell
from failure_analysis.audit.seen import Made
from failure_analysis.audit.undone import Undone
from failure_analysis.patterns import re_compile

_TOKEN = re_compile(r"\d+|[a-z]+")
_SHELL_WORDS = {"mv": ("moved", "renamed"), "rm": ("removed", "deleted"), "cp": ("copied",),
                "mkdir": ("created",), "kill": ("killed", "stopped"), "chown": ("owner", "owned"),
                "useradd": ("created", "added"), "ln": ("linked",),
                "chmod": ("permissions", "made"), "tar": ("archived", "packed"),
                "crontab": ("scheduled",), "rebase": ("squashed", "rebased"),
                "gzip": ("compressed", "zipped"), "zip": ("compressed", "zipped", "packed"),
                "rsync": ("synced", "copied", "synchronised", "mirrored"), "scp": ("copied",),
                "dd": ("written", "flashed"),
                "cherry": ("picked", "applied")}
_WRITTEN = re_compile(r">>? *['\"]?([\w./-]+)")
_OBJECT = re.compile(r"(?<![\w./-])(?!-)(?:[\w-]+/[\w./-]*|[\w./-]*\d[\w.-]*|[\w-]+\.[\w.]+)")


def program(command: str) -> str:
    """The first word of a command."""
    return next(iter(command.split()), "")


def objects(command: str) -> set[str]:
    """What a command is for, in small letters: paths and names with a sign or a digit within."""
    return {name.strip("/").casefold() for name in _OBJECT.findall(command)} - {""}


def held_in(sentence: str, one: Undone) -> bool:
    """Whether a sentence holds all that a refused write was for, two things at least, so that it
    states what is so after it."""
    spoken = command(one.arguments)
    values = objects(spoken) if spoken else {
        text.casefold() for text in golds.scalars(one.arguments) if len(text) > 1}
    return len(values) > 1 and all(re.search(
        rf"(?<![\w.-]){re.escape(value)}(?![\w-])", sentence.casefold()) for value in values)


def command(arguments: object) -> str:
    """The shell command among arguments; blank where there is none."""
    return shell.command(Made("", "", arguments, "", "", False))


def speaks_of(words: frozenset[str], command: str, held: str) -> bool:
    """Whether words tell what a shell command does: `restarted`, for `systemctl restart`."""
    for token in dict.fromkeys(re.findall(r"(?<![\w./-])[a-z]+(?![\w/.])", command)):
        told = _SHELL_WORDS.get(token, ())
        if re.search(rf"\b{token}\b", held):
            continue
        if any(map(words.__contains__, told)) or len(token) > 3 and any(
                word.startswith(token[:6].rstrip("ey")) and word.endswith(("ed", "built", "set"))
                for word in words):
            return True
    return any(len(path) > 4 and path not in held for path in _WRITTEN.findall(command)
               if all(part in words for part in _TOKEN.findall(path.casefold())))
