"""What a contract requires of each item, held against made-up runs through the real script: for
each rule a plant and its decoys."""

import json
from pathlib import Path

import pytest

MAPPING = """
benchmark: shop
fields:
  item_id: id
  model_name: model
  run_id: model
  user_text: asked
  assistant_text: said
  tool_calls: {at: calls, name: name, arguments: args, result: result}
  termination: {at: ended, optional: true}
  scores: {ok: ok}
"""
CONTRACT = """
files: contract.jsonl
fields:
  item_id: id
  golden: {at: golden, optional: true}
  required_calls: {at: calls, name: name, arguments: args, optional: true}
  allowed_calls: {at: may, name: name, arguments: args, optional: true}
  forbidden: {at: never, optional: true}
  prompt: {at: prompt, optional: true}
  policy: {file: policy.md}
  knowledge: {value: The shop opens at 08:30. Orders have ids such as K7.}
"""
CANCEL = {"name": "cancel_order", "args": {"id": "K7"}}


def row(model: str, said: str, *calls: dict, ident: object = "a", ok: bool | None = None,
        **more: object) -> dict:
    return {"id": ident, "model": model, "asked": "Please help.", "said": said,
            "calls": [{"result": "ok", **call} for call in calls], "ok": ok, **more}


def entry(ident: object = "a", **terms: object) -> dict:
    return {"id": ident, **terms}


def lines(path: Path, values: list[dict]) -> Path:
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8",
                    newline="\n")
    return path


@pytest.fixture
def packet(build, tmp_path):
    """`packet(rows)`: the packet of rows that no or some verdict is known of."""
    def make(rows: list[dict], mapping: str = MAPPING) -> Path:
        (tmp_path / "mapping.yaml").write_text(mapping, encoding="utf-8")
        _, out = build("--input", lines(tmp_path / "rows.jsonl", rows), "--mapping",
                       tmp_path / "mapping.yaml",
                       code=0 if any(row["ok"] is not None for row in rows) else 1)
        return out

    return make


@pytest.fixture
def suspicions(run_script, packet, tmp_path):
    """`suspicions(rows, entries)`: (rule, item, disputed) of each suspicion, and the process."""
    def find(rows: list[dict], entries: list[dict], contract: str = CONTRACT, policy: str = "",
             mapping: str = MAPPING):
        out = packet(rows, mapping)
        lines(tmp_path / "contract.jsonl", entries)
        (tmp_path / "policy.md").write_text(policy, encoding="utf-8")
        (tmp_path / "contract.yaml").write_text(contract, encoding="utf-8")
        done = run_script("audit_benchmark.py", out, "--contract", tmp_path / "contract.yaml")
        assert done.returncode == 0, done.stderr
        return sorted((one["rule"], one["item_id"], one["disputed"]) for one in found(out)), done

    return find


def found(out: Path) -> list[dict]:
    return [one for line in (out / "audit.jsonl").read_text(encoding="utf-8").splitlines()
            if (one := json.loads(line))["class"] == "suspicion"]


SEATS = {"name": "check_seats", "args": {}, "result": {"seats_left": 4, "total": 272.9}}
OPENS = "You can pick up the parcel in the old mill."
REFUND = "Refunds take up to nine working days to arrive."
PICKED = "It is in the old mill."
CASES = {
    "empty_answer": (
        [entry(golden="yes"), entry("b", calls=[CANCEL])],
        [row("m1", ""), row("m2", "[EMPTY_RESPONSE: no answer]"), row("m3", "yes"),
         row("m4", "", ok=False), row("m5", "", CANCEL, ident="b")],
        [("empty_answer", "a", ["m1/a", "m2/a"])]),
    "required_call_missing": (
        [entry(calls=[CANCEL]), entry("b")],
        [row("m1", "Done."), row("m2", "Done.", {**CANCEL, "args": {"id": "k7 "}}),
         row("m3", "Done.", {**CANCEL, "args": {"id": "K7", "note": "as asked"}}),
         row("m4", "Done.", ok=True), row("m1", "Hello.", ident="b")],
        [("required_call_missing", "a", ["m1/a", "m4/a"])]),
    "required_lookup_missing": (
        [entry(calls=[{"name": "get_order", "args": {"id": 7}}])],
        [row("m1", "Done."), row("m2", "Done.", {"name": "get_order", "args": {"id": "7"}})],
        [("required_lookup_missing", "a", ["m1/a"])]),
    "lookup_arguments_differ": (
        [entry(calls=[{"name": "get_order", "args": {"id": 7}}])],
        [row("m1", "Done.", {"name": "get_order", "args": {"id": 8}}),
         row("m2", "Done.", {"name": "get_order", "args": {"id": 7.0}})],
        [("lookup_arguments_differ", "a", ["m1/a"])]),
    "arguments_differ": (
        [entry(calls=[{"name": "book", "args": {"legs": [{"to": "OSL"}], "bags": 2}}])],
        [row("m1", "Done.", {"name": "book", "args": {"legs": [{"to": "BGO"}], "bags": 2}}),
         row("m2", "Done.", {"name": "book", "args": {"legs": [{"to": "osl", "price": 9}],
                                                      "bags": "2"}}),
         row("m3", "Done.", {"name": "book", "args": {"legs": [{"to": "BGO"}], "bags": 2}},
             ok=False)],
        [("arguments_differ", "a", ["m1/a"])]),
    "extra_write": (
        [entry(calls=[]), entry("b"), entry("c", calls=[], may=[CANCEL])],
        [row("m1", "Done.", CANCEL), row("m2", "Done.", {"name": "get_order", "args": {}}),
         row("m3", "Done.", {**CANCEL, "result": "Error: no such order"}),
         row("m1", "Done.", CANCEL, ident="b"), row("m1", "Done.", CANCEL, ident="c")],
        [("extra_write", "a", ["m1/a"])]),
    "text_of_another_turn": (
        [entry(golden=OPENS), entry("b", golden=REFUND)],
        [row("m1", "Refunds take up to nine working days."), row("m2", PICKED),
         row("m3", "In the old mill; refunds take up to nine working days."),
         row("m4", "Refunds take up to nine working days.", asked=f"Is it true? {REFUND}"),
         row("m1", REFUND, ident="b")],
        [("text_of_another_turn", "a", ["m1/a"])]),
    "against_own_result": (
        [entry()],
        [row("m1", "There are 12 seats left.", SEATS), row("m2", "Four seats are left.", SEATS),
         row("m3", "The total is 273 euros.", SEATS), row("m4", "I booked 2 seats.", SEATS),
         row("m5", "The total is 280 euros.", SEATS), row("m6", "A total of 3 nights.", SEATS),
         row("m7", "The total is 280 euros.", SEATS, asked="Is the total 280 euros?")],
        [("against_own_result", "a", ["m1/a", "m5/a"])]),
    "golden_value_missing": (
        [entry(golden="It leaves at 14:00."), entry("b", golden=["two bags", 40])],
        [row("m1", "It leaves soon."), row("m2", "At 2:00 pm."),
         row("m1", "A bag more.", ident="b"), row("m2", "2 bags.", ident="b")],
        [("golden_value_missing", "a", ["m1/a"]), ("golden_value_missing", "b", ["m1/b"])]),
    "not_in_knowledge": (
        [entry()],
        [row("m1", "We open at 09:15."), row("m2", "We open at 8:30 am, for K7."),
         row("m3", "We have 15 shops."),
         row("m4", "It is K9.", {"name": "get_order", "args": {"id": "K9"}})],
        [("not_in_knowledge", "a", ["m1/a"])]),
}


@pytest.mark.parametrize("case", CASES)
def test_each_rule_finds_its_plant_and_no_decoy(suspicions, case):
    entries, rows, expected = CASES[case]
    assert suspicions(rows, entries)[0] == expected


FORBIDS = {
    "a word": ('Never say "sorry" to anyone.', "I am sorry for it.", "I am worry-free."),
    "a length": ("Answer in at most 3 words.", "this has four words", "only three words"),
    "a list": ("Reply with one of: yes, no or maybe.", "unknown", "Maybe"),
    "a kind": ("Answer with an integer from 0 to 99.", "100", "99"),
}


@pytest.mark.parametrize("case", FORBIDS)
def test_a_golden_answer_that_the_prompt_forbids(suspicions, case):
    statement, golden, decoy = FORBIDS[case]
    entries = [entry(golden=golden, prompt=statement), entry("b", golden=decoy, prompt=statement),
               entry("c", golden=golden, prompt=f"If nothing else fits: {statement}")]
    rows = [row("m1", said, ident=ident, ok=False)
            for ident, said in (("a", golden), ("b", decoy), ("c", golden))]
    assert suspicions(rows, entries)[0] == [("prompt_forbids_golden", "a", ["m1/a"])]


def test_forbidden_texts_and_calls_of_a_policy(suspicions):
    entries = [entry(golden="Call the desk.", never=["the desk"]),
               entry("b", golden="Call the desktop team.", never="the desk"),
               entry("c", calls=[CANCEL]), entry("d", calls=[{"name": "get_order"}])]
    rows = [row("m1", "Call the desk.", ident="a"), row("m1", "The desktop team.", ident="b"),
            row("m1", "Done.", CANCEL, ident="c"),
            row("m1", "Done.", {"name": "get_order", "args": {"id": 1}}, ident="d")]
    assert suspicions(rows, entries, policy="Be kind.\nNever use cancel_order.")[0] == [
        ("prompt_forbids_golden", "a", ["m1/a"]), ("prompt_forbids_golden", "c", ["m1/c"])]


TURNS = MAPPING.replace("item_id: id", "turn: id")


def test_turns_that_are_missing_and_sessions_that_end_early(suspicions):
    rows = [*(row("whole", "Yes.", ident=turn) for turn in range(4)),
            *(row("gap", "Yes.", ident=turn) for turn in (0, 2, 3)),
            row("ended", "Yes.", ident=0), row("ended", "[MODEL_ENDED_SESSION]", ident=1),
            *(row("ended", "[MODEL_ENDED_SESSION_EARLY]", ident=turn) for turn in (2, 3)),
            row("short", "Yes.", ident=0), row("short", "Yes.", ident=1)]
    pairs, done = suspicions(rows, [entry(turn) for turn in (0, 1, 2, 3, 9)][:4],
                             CONTRACT.replace("item_id: id", "turn: id"), mapping=TURNS)
    assert pairs == [("empty_answer", "2", ["ended/2"]), ("empty_answer", "3", ["ended/3"]),
                     ("ended_session", "1", ["ended/1", "short/1"]), ("missing_row", "1", [])]
    assert "Contract: 4 items, 0 of them without a datapoint; 0 of 13 datapoints" in done.stdout


def test_a_turn_that_no_run_has_is_missing_in_all_of_them(suspicions, tmp_path):
    rows = [row(model, "Yes.", ident=turn) for model in ("x", "y") for turn in (0, 2)]
    assert suspicions(rows, [entry(turn) for turn in range(3)],
                      CONTRACT.replace("item_id: id", "turn: id"), mapping=TURNS)[0] == [
        ("missing_row", "1", [])]
    [one] = found(tmp_path / "out")
    assert one["variants"] == [{"label": "runs without it", "text": "x\ny", "count": 0,
                                "datapoints": []}]


def test_the_sides_stand_beside_each_other_and_the_failing_ones_are_not_in_doubt(
        suspicions, tmp_path):
    wrong = {**CANCEL, "args": {"id": "K8"}}
    _, done = suspicions([row("m1", "Done.", wrong), row("m2", "Done.", wrong, ok=False),
                          row("m3", "Done.", ident="z", ok=True)],
                         [entry(calls=[CANCEL]), entry("q")])
    [one] = found(tmp_path / "out")
    got = ('Wrong arguments: cancel_order (nearest is call 1): id: expected "k7", got "k8".\n'
           '{"name": "cancel_order", "arguments": {"id": "K8"}}')
    assert (one["kind"], one["numbers"]) == ("lead", {"rows": 2, "unjudged": 1})
    assert one["variants"] == [
        {"label": "contract", "text": '{"name": "cancel_order", "arguments": {"id": "K7"}}',
         "count": 0, "datapoints": []},
        {"label": "not judged", "text": got, "count": 1, "datapoints": ["m1/a"]},
        {"label": "failed", "text": got, "count": 1, "datapoints": ["m2/a"]}]
    said = "2 items, 1 of them without a datapoint; 1 of 3 datapoints are of items that it does not"
    assert said in done.stdout
    assert said in (tmp_path / "out" / "audit.md").read_text(encoding="utf-8")


def test_terms_are_read_from_folders_tables_and_levels(suspicions, tmp_path):
    terms = tmp_path / "terms"
    terms.mkdir()
    (terms / "a.json").write_text(json.dumps({"shop": "s", "items": [
        {"n": 1, "gold": "At 14:00."}, {"n": 2, "gold": "At 15:00.", "draft": True}]}))
    contract = """
files: terms
each: {doc: "@", item: "items[]"}
let: {name: "join('-', [doc.shop, to_string(item.n)])"}
where: item.draft != `true`
fields: {item_id: name, golden: item.gold}
"""
    rows = [row("m1", "Soon.", ident=ident) for ident in ("s-1", "s-2")]
    assert suspicions(rows, [], contract)[0] == [("golden_value_missing", "s-1", ["m1/s-1"])]
    (tmp_path / "terms.csv").write_text('id,gold,calls\ns-1,,\ns-2,,"[{""name"": ""book""}]"\n')
    contract = "files: '*.csv'\nfields: {item_id: id, golden: gold, required_calls: calls}\n"
    assert suspicions(rows, [], contract)[0] == [("required_call_missing", "s-2", ["m1/s-2"])]


REFUSED = {
    "unknown key": ("files: c.jsonl\nfields: {item_id: id, gold: g}\n", "contract.yaml:2: "
                    "fields.gold: unknown key; nearest: golden"),
    "no name": ("files: c.jsonl\nfields: {golden: g}\n", "item_id or turn is needed"),
    "no file": ("files: d.jsonl\nfields: {item_id: id}\n", "files: no file d.jsonl"),
    "no text": ("files: c.jsonl\nfields: {item_id: id, policy: {file: p.md}}\n",
                "a text that the contract names cannot be read"),
    "no calls": ("files: c.jsonl\nfields: {item_id: id, required_calls: g}\n",
                 "c.jsonl:1: the contract: call 0 has no name"),
    "twice": ("files: c.jsonl\nfields: {item_id: g.x, golden: id}\n",
              "c.jsonl:2: the contract has item 1 a second time"),
    "no such path": ("files: c.jsonl\nfields: {item_id: id, golden: answr}\n",
                     "contract.yaml: fields.golden: there is nothing at answr in any of 2 records"),
    "strange": ("files: c.jsonl\nfields: {item_id: id}\n", "none of the 2 items of the contract "
                "(first: p) is an item of the runs"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_contract_that_cannot_be_meant_is_refused(run_script, packet, tmp_path, case):
    out = packet([row("m1", "Hello.")])
    lines(tmp_path / "c.jsonl", [{"id": "p", "g": {"x": "1"}}, {"id": "q", "g": {"x": "1"}}])
    path = tmp_path / "contract.yaml"
    path.write_text(REFUSED[case][0], encoding="utf-8")
    done = run_script("audit_benchmark.py", out, "--contract", path)
    assert done.returncode == 1 and REFUSED[case][1] in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not (out / "audit.jsonl").exists()


def test_stage_1_passes_the_contract_on_and_the_check_audits_with_it_again(
        run_script, tmp_path):
    (tmp_path / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    rows = lines(tmp_path / "rows.jsonl", [row("m1", "Done.", ok=True), row("m2", "No.", ok=False)])
    terms = lines(tmp_path / "terms.jsonl", [entry(calls=["cancel_order"])])
    (tmp_path / "contract.yaml").write_text(
        "files: terms.jsonl\nfields: {item_id: id, required_calls: calls}\n", encoding="utf-8")
    out = tmp_path / "out"
    done = run_script("deep_error_analysis.py", "--input", rows, "--mapping",
                      tmp_path / "mapping.yaml", "--contract", tmp_path / "contract.yaml",
                      "--output", out / "deep_error_analysis.md")
    assert done.returncode == 0, done.stderr
    assert [(one["rule"], one["disputed"]) for one in found(out)] == [
        ("required_call_missing", ["m1/a"])]
    again = run_script("check_report.py", out, "--rerun-inputs")
    assert "not_the_runs" not in again.stdout, again.stdout
    terms.write_text(terms.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    again = run_script("check_report.py", out, "--rerun-inputs")
    assert "contract.yaml: it, or a file that it names, has changed" in (
        again.stdout + again.stderr)
