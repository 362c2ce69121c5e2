"""When a comparison of two runs is to fail, as a pull request's check does: `--fail-if`."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

_COUNTED = re.compile(r"(harmful|not-compared)>(\d{1,9})")
WORDS = {"worse": "NEW is worse by more than chance",
         "possibly-worse": "it is not shown that NEW is no worse by --margin",
         "not-equivalent": "it is not shown that both are equal within --margin"}
FORMS = "harmful>N, not-compared>N, worse, possibly-worse, not-equivalent"


def wrong(conditions: Sequence[str], margin: float | None) -> str:
    """What is wrong with the conditions of a command line; blank when nothing is."""
    for text in conditions:
        if text not in WORDS and not _COUNTED.fullmatch(text):
            return f"--fail-if {text}: no such condition; there are {FORMS} (quote the >)"
        if text in ("possibly-worse", "not-equivalent") and margin is None:
            return f"--fail-if {text} goes with --margin"
    return ""


def met(result: Mapping[str, Any], conditions: Sequence[str]) -> list[str]:
    """The conditions that a comparison meets, each with the reason."""
    return [f"{text}: {why}" for text in dict.fromkeys(conditions) if (why := _why(result, text))]


def _why(result: Mapping[str, Any], text: str) -> str:
    if counted := _COUNTED.fullmatch(text):
        count, words = len(result["flips"]["harmful"]), "items flipped to failing"
        if counted[1] != "harmful":
            lost = result["lost"]
            count = sum(lost.values())
            words = (f"items that OLD was judged on: {lost['not_compared']} are not compared, "
                     f"{lost['partly_unjudged']} have unjudged attempts in NEW")
        return f"{count} {words}" if count > int(counted[2]) else ""
    overall = result["overall"]
    is_met = {"worse": result["verdict"] == "worse",
              "possibly-worse": not overall.get("no_worse", {}).get("shown"),
              "not-equivalent": not overall.get("equivalent", {}).get("shown")}[text]
    return WORDS[text] if is_met else ""
