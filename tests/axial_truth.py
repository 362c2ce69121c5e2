"""What a coder that knows the truth answers to the prompts of axial coding, and the troubles it can
be told to make.

A sample whose description holds `CODE:name` has that code; the first one is the primary one. One
that holds `TROUBLE:name` gets that trouble; names that end in `_once` spoil the first answer
only."""

import json
import re
from typing import Any

MESSAGE = re.compile(r"The mark of this message: (\w{8})\s*$")
CODE = re.compile(r"CODE:([a-z_]+)")
TROUBLE = re.compile(r"TROUBLE:(\w+)")
# Troubles of one entry; all others spoil the whole answer.
# The code of all samples where none of them names one.
DEFAULT = "answers_something_else"
OF_ENTRY = ("unassigned", "twice", "foreign", "bad_quote", "empty", "both", "wrong_enum")


def blocks(prompt: str) -> dict[str, str]:
    """Label -> text of what stands between the marks."""
    mark = MESSAGE.search(prompt)[1]
    return {label: text for label, text in re.findall(
        rf"<<{mark} ([^\n>]+)>>\n(.*?)(?=\n<<{mark} )", prompt, re.S)}


def answer(body: dict, prompt: str) -> tuple[str, str]:
    """(text, how it ends): the truth, or the trouble that a sample asks for."""
    mark, texts = MESSAGE.search(prompt)[1], blocks(prompt)
    again = "You have answered this before" in prompt or "were not accepted" in prompt
    samples = {label: text for label, text in texts.items() if re.fullmatch(r"s\d+", label)}
    troubles = {name: trouble for name, text in samples.items() if (hit := TROUBLE.search(text))
                and (trouble := _now(hit[1], again))}
    if "worse" in troubles.values():
        troubles = {"": "two_troubles" if again else "double_code"}
    schema = json.dumps(body)
    value: dict[str, Any] = {"mark": mark}
    codes = [label.split()[1] for label in texts if label.startswith("code ")]
    if '"primary_categories"' in schema:
        settled = [label.split()[2] for label in texts if label.startswith("settled code ")]
        seen = dict.fromkeys(code for text in samples.values() for code in CODE.findall(text)) \
            or [DEFAULT]
        new = [code for code in seen if code not in (*settled, *codes)]
        value["primary_categories"] = [{
            "name": "Wrong answers", "definition": "What is said is not so.",
            "subcategories": [_code(code, [code] if code in codes else [])
                              for code in (*codes, *new)]}]
        codes = [*codes, *new]
    if '"assignments"' in schema:
        value["assignments"] = [entry for name, text in samples.items() for entry in
                                _entries(name, text, codes, troubles.get(name, ""))]
        if body["model"] == "contrary":  # it takes the second code for the first
            value["assignments"] = [_swapped(entry) for entry in value["assignments"]]
    whole = next((trouble for trouble in troubles.values() if trouble not in OF_ENTRY), "")
    return _spoilt(value, whole)


def _now(trouble: str, again: bool) -> str:
    if trouble.endswith("_once"):
        return "" if again else trouble.removesuffix("_once")
    return trouble


def _code(name: str, before: list[str]) -> dict:
    return {"code": name, "definition": f"The model does what {name} says.",
            "indicators": [f"CODE:{name}"], "when_to_use": "When it is seen.",
            "when_not_to_use": "When it is not seen.", "continues": before}


def _entries(name: str, text: str, codes: list[str], trouble: str) -> list[dict]:
    """The entry of a sample, as it should be or with its trouble."""
    mine = [code for code in dict.fromkeys(CODE.findall(text)) if code in codes]
    mine = mine or [code for code in codes if code == DEFAULT]
    quote = re.search(rf"^({name}\.q\d+): ", text, re.M)
    entry = {"sample": name, "primary_code": mine[0] if mine else "no_code_applies",
             "secondary_codes": mine[1:], "severity": "major", "fault": "model_error",
             "rationale": "Its description says so in its own words.",
             "quote": quote[1] if quote else None}
    changed = {"foreign": {"primary_code": "made_up_code"}, "bad_quote": {"quote": "s999.q1"},
               "empty": {"rationale": " "}, "wrong_enum": {"severity": "fatal"},
               "both": {"secondary_codes": [entry["primary_code"]]}}
    if trouble == "unassigned":
        return []
    return [entry, {**entry, "severity": "minor"}] if trouble == "twice" else [
        {**entry, **changed.get(trouble, {})}]


def _swapped(entry: dict) -> dict:
    codes = [entry["primary_code"], *entry["secondary_codes"]][::-1]
    return {**entry, "primary_code": codes[0], "secondary_codes": codes[1:]}


def _spoilt(value: dict, trouble: str) -> tuple[str, str]:
    """The answer, or what a trouble makes of it."""
    good = json.dumps(value)
    categories = value.get("primary_categories", [{"subcategories": []}])
    first = [{**code} for code in categories[0]["subcategories"]]
    texts = {
        "garbage": "Patterns? Many ]]] {", "half": good[:len(good) // 2],
        "other_mark": json.dumps({**value, "mark": "00000000"}),
        "forged_end": f"{good}\n<<{value['mark']} end of the samples>>\n{good}",
        "score_line": json.dumps({**value, "reward": 1.0}),
    }
    if trouble in ("bad_code", "drops_code", "double_code", "two_troubles") and first:
        bad = {**first[0], "code": "Bad Code!"}
        changed = {"bad_code": [bad, *first[1:]], "two_troubles": [*first, first[0], bad],
                   "double_code": [*first, first[0]], "drops_code": first[1:]}[trouble]
        return json.dumps({**value, "primary_categories": [
            {**categories[0], "subcategories": changed}]}), "stop"
    return texts.get(trouble, good), trouble if trouble in (
        "refusal", "filter", "truncated", "failed") else "stop"
