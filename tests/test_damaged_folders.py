"""Analysis folders that something has damaged, and options that nobody meant: every script refuses
in one sentence or does its work, and never ends in a traceback or waits for ever."""

import contextlib
import importlib.util
import io
import json
import os
import random
import shutil
import signal
import traceback
from pathlib import Path

import pytest

from failure_analysis import manifest
from failure_analysis.files import Refusal, sha256
from make_runs import judged, turn

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
DEEP = 100_000
REVIEW = {"bucket": "forgets_the_hour", "fault": "model_error", "quotes": ["Question 0?"],
          "mechanism": "The answer names a talk that is not at that hour."}
# Every script that reads an analysis folder; {} is the folder, {runs} what it was made from.
READERS = (
    ("show_datapoint.py", "{}", "alpha/0"),
    ("show_datapoint.py", "{}", "--next", "2", "--shard", "1"),
    ("show_datapoint.py", "{}", "--where", "why=failed_by_all", "bucket=forgets_the_hour"),
    ("record_review.py", "{}", "--id", "beta/1", "--bucket", "forgets_the_hour", "--fault",
     "model_error", "--mechanism", REVIEW["mechanism"], "--quote", "Question 1?"),
    ("record_review.py", "{}", "--rename", "forgets_the_hour", "forgets_the_day", "--everyone"),
    ("plan_review.py", "{}"),
    ("plan_review.py", "{}", "--contrast", "alpha/2"),
    ("cluster_failures.py", "{}"),
    ("cluster_failures.py", "{}", "--try"),
    ("compare_models.py", "{}"),
    ("measure_agreement.py", "{}", "--draws", "100"),
    ("write_report.py", "{}"),
    ("check_report.py", "{}"),
    ("review_app.py", "{}", "--static", "{}/page.html"),
    ("build_packet.py", "--run-dir", "{runs}/alpha", "{runs}/beta", "--output-dir", "{}"),
    ("build_packet.py", "--run-dir", "{runs}/alpha", "--output-dir", "{}", "--force"),
    ("analyze.py", "evals", "{}"),
    ("analyze.py", "surface", "{}", "--output", "{}/surface.json"),
    ("analyze.py", "diagnose", "{}", "--jobs", "1", "--cache", "{}/cache"),
    ("open_coder.py", "--input", "{}", "--project", "p", "--dry-run"),
)


STAGE_1 = ("deep_error_analysis.py", "--run-dir", "{runs}/alpha", "{runs}/beta", "--output",
           "{}/deep_error_analysis.md")


class Said:
    """Standard output or error as a script sees it, kept."""

    def __init__(self) -> None:
        self.bytes = io.BytesIO()
        self.text = io.TextIOWrapper(self.bytes, "utf-8", write_through=True)


def call(script, *args):
    """(exit code, standard output, standard error) of a script's main, in this process; whatever it
    raises is a traceback in what it says, and so is waiting for longer than half a minute."""
    spec = importlib.util.spec_from_file_location(f"script_{Path(script).stem}", SCRIPTS / script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    out, err = Said(), Said()
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(30)
    try:
        with contextlib.redirect_stdout(out.text), contextlib.redirect_stderr(err.text):
            code = module.main([*args])
    except SystemExit as end:
        code = end.code
    except BaseException:
        code = "raised"
        err.text.write(traceback.format_exc())
    finally:
        signal.alarm(0)
    return code, out.bytes.getvalue().decode(), err.bytes.getvalue().decode()


class Hangs(BaseException):
    """Raised in a script that waits for longer than it may."""


def _too_long(_signal, _frame):
    raise Hangs


def wanted(command, folder, runs):
    return [word.replace("{runs}", str(runs)).replace("{}", str(folder)) for word in command]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """(an analysis folder in which every step has run, the runs it was made from)."""
    root = tmp_path_factory.mktemp("whole")
    runs, folder = root / "runs", root / "out"
    for name in ("alpha", "beta"):
        judged(runs / name, [
            turn(0, False, model_name=name),
            turn(1, name == "alpha", model_name=name, judge_reasoning="No tool was called."),
            turn(2, model_name=name, user_text=f"{name} is asked?" if name == "beta" else "What?"),
            turn(3, name == "beta", model_name=name)])
    report = folder / "deep_error_analysis.md"
    for command in (
        ("deep_error_analysis.py", "--run-dir", "{runs}/alpha", "{runs}/beta",
         "--output", str(report)),
        ("plan_review.py", "{}", "--shards", "2", "--overlap", "1"),
        ("show_datapoint.py", "{}", "alpha/0"),
        *(("record_review.py", "{}", "--id", f"{run}/0", "--coder", coder, "--bucket",
           REVIEW["bucket"], "--fault", fault, "--mechanism", REVIEW["mechanism"], "--quote",
           "Question 0?") for run in ("alpha", "beta")
          for coder, fault in (("ann", "model_error"), ("bob", "grader_issue"))),
        ("measure_agreement.py", "{}", "--draws", "100"),
        ("write_report.py", "{}"), ("check_report.py", "{}"),
        ("analyze.py", "diagnose", "{}", "--jobs", "1", "--cache", str(root / "cache")),
    ):
        code, out, err = call(*wanted(command, folder, runs))
        assert code == (command[0] == "check_report.py"), out + err
    return folder, runs


# --- damages ------------------------------------------------------------------------------------

VALUES = (None, True, -1, 10**400, "text", "", [], {}, [[]], [None], [1], ["x"], [{}], {"x": 1},
          {"x": None}, float("nan"), float("inf"))


def _cut(data, rng):
    return data[:rng.randrange(len(data) + 1)]


def _insert(what):
    def damage(data, rng):
        place = rng.randrange(len(data) + 1)
        return data[:place] + what + data[place:]
    return damage


def _flip(data, rng):
    place = rng.randrange(max(1, len(data)))
    return data[:place] + bytes([rng.randrange(256)]) + data[place + 1:]


def _line(change):
    """A damage of one line, chosen by the seed."""
    def damage(data, rng):
        lines = data.split(b"\n")
        place = rng.randrange(len(lines))
        lines[place:place + 1] = change(lines[place], rng)
        return b"\n".join(lines)
    return damage


def _places(value, path=()):
    """Every place in a JSON value, as the keys that lead to it."""
    yield path
    for key in value if isinstance(value, dict) else range(len(value)) \
            if isinstance(value, list) else ():
        yield from _places(value[key], (*path, key))


def _json(data, rng):
    """A JSON document, or one line of JSONL, in which one value is another or one key is gone."""
    lines = data.split(b"\n")
    whole = len(lines) > 2 and lines[0] == b"{"
    place = 0 if whole else rng.randrange(len(lines))
    try:
        document = json.loads(data if whole else lines[place])
    except ValueError:
        return _flip(data, rng)
    path = rng.choice(list(_places(document)))
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    if not path:
        document = rng.choice(VALUES)
    elif rng.random() < 0.25:
        del inner[path[-1]]
    else:
        inner[path[-1]] = rng.choice(VALUES)
    made = json.dumps(document).encode()
    return made if whole else b"\n".join([*lines[:place], made, *lines[place + 1:]])


DAMAGES = {
    "empty": lambda data, rng: b"",
    "cut off": _cut,
    "a NUL": _insert(b"\0"),
    "NULs": lambda data, rng: b"\0" * len(data),
    "Latin-1": _insert(b"\xe9"),
    "half a character": _insert(b"\xf0\x9f"),
    "a byte": _flip,
    "a byte order mark": lambda data, rng: b"\xef\xbb\xbf" + data,
    "UTF-16": lambda data, rng: data.decode("utf-8", "replace").encode("utf-16"),
    "CRLF": lambda data, rng: data.replace(b"\n", b"\r\n"),
    "no line feeds": lambda data, rng: data.replace(b"\n", b" "),
    "a short line": _line(lambda line, rng: [line[:rng.randrange(len(line) + 1)]]),
    "a long line": _line(lambda line, rng: [line + b",x,y"]),
    "a line twice": _line(lambda line, rng: [line, line]),
    "a line gone": _line(lambda line, rng: []),
    "a blank line": _line(lambda line, rng: [b"", line]),
    "words for a line": _line(lambda line, rng: [b"not what is expected"]),
    "a bare null": _line(lambda line, rng: [b"null"]),
    "deep": lambda data, rng: b"[" * DEEP,
    "deep and closed": lambda data, rng: b"[" * DEEP + b"]" * DEEP,
    "a deep line": _line(lambda line, rng: [b'{"a":' * DEEP]),
    "a key twice": lambda data, rng: data.replace(b"{", b'{"a": 1, "a": 2, ', 1),
    "infinity": lambda data, rng: data.replace(b": 1", b": 1e999"),
    "a huge number": lambda data, rng: data.replace(b": 1", b": " + b"9" * 5000),
    "another value": _json,
    "yet another value": _json,
    "a further value": _json,
}


def _folder(path):
    path.unlink()
    path.mkdir()


def _loop(path):
    path.unlink()
    path.symlink_to(path.name)


def _pipe(path):
    path.unlink()
    os.mkfifo(path)


def _dangling(path):
    path.unlink()
    path.symlink_to("nowhere")


PLACES = {"gone": Path.unlink, "a folder": _folder, "a link to itself": _loop, "a pipe": _pipe,
          "a link to nowhere": _dangling}


# --- a script over a damaged folder -------------------------------------------------------------

SLOWEST = ("diagnose",)  # seconds each
DRAWN = (".png", ".svg", ".lock")


def complaint(code, out, err):
    """What is wrong with how a script ended; empty when it did its work, or refused in a line."""
    if code not in (0, 1, 2):
        return f"ended with {code}: {err[-600:]}"
    if "Traceback" in err or any(ord(char) < 32 and char not in "\n\t" for char in err):
        return f"said {err[-600:]!r}"
    refusals = [line for line in err.splitlines() if not line.startswith("put aside")]
    if code == 1 and not out and not (len(refusals) == 1 and len(err) < 4200):
        return f"refused in {len(refusals)} lines: {err[-600:]}"
    return "" if code == 0 or out or err else "failed without a word"


def names_of(folder):
    return [path.name for path in sorted(folder.iterdir())
            if path.is_file() and path.suffix not in DRAWN]


def cases(seed, count, folder):
    """So many (file, damage, what the manifest says of it, command, seed of the damage), the same
    ones for a seed."""
    rng = random.Random(seed)
    commands = [command for command in READERS if command[1] not in SLOWEST]
    every = [(name, damage) for name in names_of(folder) for damage in (*DAMAGES, *PLACES)]
    rng.shuffle(every)
    return [(*every[place % len(every)], rng.choice(tuple(PROOFS)), rng.choice(commands),
             rng.getrandbits(32)) for place in range(count)]


def damaged(folder, copy, name, damage, proof, seed):
    """A copy of a folder in which one file is damaged, and the manifest says that of it."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    if damage in PLACES:
        PLACES[damage](copy / name)
    else:
        data = (copy / name).read_bytes()
        (copy / name).write_bytes(DAMAGES[damage](data, random.Random(seed)))
    if name != manifest.NAME:
        PROOFS[proof](copy, name)


def _made_to_fit(folder, name):
    """The manifest knows the file as it is now, as if its step had written it so."""
    ran = json.loads((folder / manifest.NAME).read_bytes())
    for step, entry in ran["steps"].items():
        with contextlib.suppress(OSError, Refusal):
            if name in entry["outputs"]:
                entry["outputs"][name] = manifest._hash(folder, step, name)
            if name in entry.get("reads", ()):
                entry["reads"][name] = sha256(folder / name)
    (folder / manifest.NAME).write_text(json.dumps(ran), encoding="utf-8")


def _forgotten(folder, name):
    """No step of the manifest has written or read the file."""
    ran = json.loads((folder / manifest.NAME).read_bytes())
    for entry in ran["steps"].values():
        entry["outputs"].pop(name, None)
        entry.get("reads", {}).pop(name, None)
    (folder / manifest.NAME).write_text(json.dumps(ran), encoding="utf-8")


# A damaged file that its step did not write so is refused before anybody looks into it; what looks
# into it must hold by itself.
PROOFS = {"as it was": lambda folder, name: None, "made to fit": _made_to_fit,
          "forgotten": _forgotten}


def faults(whole, copy, seed, count, monkeypatch):
    folder, runs = whole
    monkeypatch.chdir(copy.parent)
    for name, damage, proof, command, its_seed in cases(seed, count, folder):
        damaged(folder, copy, name, damage, proof, its_seed)
        if wrong := complaint(*call(*wanted(command, copy, runs))):
            yield f"{name}, {damage}, {proof} ({its_seed}): {' '.join(command)}: {wrong}"


def test_a_damaged_file_is_refused_in_a_line_or_harmless(whole, tmp_path, monkeypatch):
    assert list(faults(whole, tmp_path / "out", 17, 60, monkeypatch)) == []


@pytest.mark.slow
def test_many_damaged_folders_end_no_script_in_a_traceback(whole, tmp_path, monkeypatch):
    assert list(faults(whole, tmp_path / "out", 18, 700, monkeypatch)) == []


@pytest.mark.parametrize(("name", "damage", "command", "says"), [
    ("outcomes.csv", lambda data: data.replace(b"alpha/1,", b"", 1), ("show_datapoint.py", "{}",
     "alpha/0"), "outcomes.csv:3: 18 cells, the header has 19; run build_packet.py again"),
    ("outcomes.csv", lambda data: data.replace(b"alpha/1", b"alpha/\xe9", 1),
     ("show_datapoint.py", "{}", "alpha/0"), "outcomes.csv:"),
    ("outcomes.csv", lambda data: data + data.splitlines(True)[-1], ("show_datapoint.py", "{}",
     "alpha/0"), "outcomes.csv: beta/3 is there twice; run build_packet.py again"),
    ("reading_log.jsonl", lambda data: data + b'"\xe9"\n', ("show_datapoint.py", "{}", "--next"),
     "reading_log.jsonl:2: not a reading ("),
    ("reading_log.jsonl", lambda data: b"[" * DEEP + b"]" * DEEP + b"\n" + data,
     ("show_datapoint.py", "{}", "--next"), "reading_log.jsonl:1: not a reading ("),
    ("reviews.jsonl", lambda data: data.replace(b"\n", b" "), ("show_datapoint.py", "{}",
     "--next"), "reviews.jsonl: its last line holds more than one record"),
    ("reviews.jsonl", lambda data: data.replace(b"\n", b" "), (*READERS[3],),
     "reviews.jsonl: its last line holds more than one record"),
    ("review_plan.jsonl", lambda data: b"", ("show_datapoint.py", "{}", "--next"),
     "review_plan.jsonl: nothing in it; run plan_review.py again"),
    ("failure_review_rows.jsonl", lambda data: data.replace(
        b'"error_mode_candidate": "', b'"error_mode_candidate": ["x"], "was": "', 1),
     ("show_datapoint.py", "{}", "alpha/0"), "failure_review_rows.jsonl:1: not a packet row ("),
    ("failure_review_rows.jsonl", lambda data: data.replace(
        b'"model_name": "alpha"', b'"model_name": ["alpha"]', 1),
     ("show_datapoint.py", "{}", "alpha/0"), "failure_review_rows.jsonl: the row of alpha/0: no "
     "row of a packet (Expected `str | null`, got `array` - at `$.model_name`)"),
    ("deep_error_analysis.md", lambda data: data + b"one\ntwo \xe9\n", ("write_report.py", "{}"),
     ": not UTF-8; save it as UTF-8 ("),
])
def test_what_is_damaged_is_named_with_its_line(whole, tmp_path, name, damage, command, says):
    folder, runs = whole
    shutil.copytree(folder, copy := tmp_path / "out")
    (copy / name).write_bytes(damage((copy / name).read_bytes()))
    code, _, err = call(*wanted(command, copy, runs))
    assert code == 1 and says in err and err.count("\n") == 1, err


@pytest.mark.parametrize("name", ["outcomes.csv", "failure_review_rows.jsonl", "reviews.jsonl",
                                  "reading_log.jsonl", "review_plan.jsonl"])
def test_a_pipe_is_refused_and_not_waited_for(whole, tmp_path, name):
    folder, runs = whole
    shutil.copytree(folder, copy := tmp_path / "out")
    _pipe(copy / name)
    code, _, err = call(*wanted(READERS[1], copy, runs))
    assert (code, err) == (1, f"show_datapoint.py: {copy / name}: a pipe or a device; put what it "
                              "gives into a file\n")


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"[" * DEEP), Path.unlink,
                                    lambda path: path.write_text('{"rows": {}}')])
def test_damaged_facts_are_counted_anew_and_what_rests_on_them_goes(whole, tmp_path, damage):
    """Before, the packet was rewritten and then refused for facts that only it could mend."""
    folder, runs = whole
    shutil.copytree(folder, copy := tmp_path / "out")
    damage(copy / "facts.json")
    command = ("build_packet.py", "--run-dir", "{runs}/alpha", "{runs}/beta", "--output-dir", "{}")
    code, out, err = call(*wanted(command, copy, runs))
    assert (code, err) == (0, ""), err
    assert not (copy / "clusters.json").exists() and (copy / "reviews.jsonl").exists()
    assert call(*wanted(command, tmp_path / "fresh", runs))[0] == 0
    assert (copy / "facts.json").read_bytes() == (tmp_path / "fresh/facts.json").read_bytes()


# --- options ------------------------------------------------------------------------------------

# No NUL: a command line cannot carry one.
TEXTS = ("", "-1", "0", "1e9", "nan", "9" * 400, "\x1b[2Jx", "[" * 5000, "a=b=c", "=",
         "/nowhere/at/all", "{}", "{}/outcomes.csv", "ü" * 300, "{{", "'; --", "a" * 5000)
OPTIONS = {
    "show_datapoint.py": ("--next", "--shard", "--where", "--from", "--tokens", "--coder", ""),
    "plan_review.py": ("--budget", "--shards", "--overlap", "--contrast", "--seed", ""),
    "record_review.py": ("--id", "--bucket", "--fault", "--mechanism", "--quote", "--secondary",
                         "--note", "--replaces", "--coder", "--kind", "--from", "--labels",
                         "--join", "--faults", "--fault-column", "--bucket-column", ""),
    "cluster_failures.py": ("--rules", "--rule", ""),
    "compare_models.py": ("--by",),
    "measure_agreement.py": ("--seed", ""),
    "check_report.py": ("--min-cited", ""),
    "write_report.py": ("",),
    "review_app.py": ("--port", "--coder"),
    "build_packet.py": ("--run-dir", "--comparison-dir", "--input", "--mapping", "--benchmark",
                        "--label", "--jobs", "--output-dir", ""),
    "check_mapping.py": ("--mapping", "--rows", ""),
    "compare_codes.py": ("--output-dir", ""),
    "analyze.py": ("--filters", "--axis", "--max-traces", "--seed", "--mapping", ""),
    "open_coder.py": ("--input", "--project", "--mapping", "--num-samples", "--sample-by",
                      "--background", "--seed", "--with-passing"),
    "axial_coder.py": ("--input", "--project", "--codebook", "--seed"),
    "parse_aide_journals.py": ("--failed-runs-dir", "--concurrent", ""),
    "download_failed_runs.py": ("--mapping", "--concurrent", "--max-extracted-bytes"),
}
BEFORE = {"show_datapoint.py": ("{}", "alpha/0"), "record_review.py": ("{}",),
          "build_packet.py": ("--run-dir", "{runs}/alpha", "--output-dir", "{}/new"),
          "check_mapping.py": ("{runs}/alpha", "--propose"), "compare_codes.py": ("{}", "{}"),
          "analyze.py": ("surface", "{}", "--output", "{}/surface.json"),
          "review_app.py": ("{}", "--static", "{}/page.html"),
          "open_coder.py": ("--input", "{}", "--project", "p", "--dry-run"),
          "axial_coder.py": ("--input", "{}", "--project", "p", "--dry-run"),
          "parse_aide_journals.py": ("--dry-run",), "download_failed_runs.py": ("--dry-run",)}


def option_faults(whole, copy, seed, count, monkeypatch):
    folder, runs = whole
    rng = random.Random(seed)
    every = [(script, option, text) for script, options in OPTIONS.items() for option in options
             for text in TEXTS if option or text]
    shutil.copytree(folder, copy)
    monkeypatch.chdir(copy.parent)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for script, option, text in rng.sample(every, min(count, len(every))):
        command = (*BEFORE.get(script, ("{}",)), *([f"{option}={text}"] if option else [text]))
        code, out, err = call(script, *wanted(command, copy, runs))
        lines = err.splitlines() if code != 2 else [line for line in err.splitlines()
                                                    if ": error: " in line]
        wrong = complaint(code, out, err) if code != 2 else \
            "" if len(lines) == 1 and len(lines[0]) < 500 else f"usage: {err[-600:]}"
        if wrong:
            yield f"{script} {option} {text[:40]!r}: {wrong}"


def test_an_option_that_nobody_meant_is_refused_in_a_line(whole, tmp_path, monkeypatch):
    assert list(option_faults(whole, tmp_path / "out", 19, 150, monkeypatch)) == []


@pytest.mark.slow
def test_every_option_with_every_odd_value_ends_no_script_in_a_traceback(whole, tmp_path,
                                                                         monkeypatch):
    assert list(option_faults(whole, tmp_path / "out", 20, 5000, monkeypatch)) == []


# --- commands as people give them ---------------------------------------------------------------

@pytest.fixture
def folder(whole, tmp_path):
    shutil.copytree(whole[0], tmp_path / "out")
    return tmp_path / "out"


def test_ids_may_stand_before_between_and_after_options(folder):
    orders = (("{}", "alpha/0", "beta/1", "--tokens", "900"),
              ("{}", "--tokens", "900", "alpha/0", "beta/1"),
              ("--tokens", "900", "{}", "alpha/0", "--coder", "agent", "beta/1"))
    for words in orders:
        code, out, err = call("show_datapoint.py", *wanted(words, folder, ""), "--json")
        assert (code, err) == (0, "")
        assert [each["datapoint_id"] for each in json.loads(out)["datapoints"]] == \
            ["alpha/0", "beta/1"]


def test_one_bad_id_does_not_keep_the_other_contrasts_from_being_copied(folder):
    code, out, err = call("plan_review.py", str(folder), "--contrast", "nope", "alpha/2", "beta/0")
    assert (code, err) == (1, "")
    assert out == ("copied, to be shown: alpha/2\nREFUSED: no datapoint nope; ids are in "
                   "outcomes.csv\nREFUSED: beta/0 failed: it is in the packet, whole\n")
    assert call("show_datapoint.py", str(folder), "alpha/2")[0] == 0
    code, out, err = call("plan_review.py", str(folder), "--contrast", "nope")
    assert (code, out, err) == (1, "", "plan_review.py: no datapoint nope; ids are in "
                                "outcomes.csv\n")


def test_a_value_that_is_none_is_answered_with_those_there_are(folder):
    code, _, err = call("show_datapoint.py", str(folder), "--where", "run=nope")
    assert code == 1 and "run is one of: alpha, beta (" in err
    code, _, err = call("show_datapoint.py", str(folder), "--where", "task=nope")
    assert code == 1 and "task is recorded of none (of the " in err
    code, _, err = call("show_datapoint.py", str(folder), "--where", "run=alpha", "item=1")
    assert code == 1 and "no failing datapoint has all of them" in err


def test_a_label_of_no_run_says_how_it_was_read_and_lists_the_runs_in_order(whole, tmp_path):
    _, runs = whole
    judged(tmp_path / "gamma", [turn(0)])
    command = ("build_packet.py", "--run-dir", f"{runs}/beta", str(tmp_path / "gamma"),
               f"{runs}/alpha", "--output-dir", str(tmp_path / "out"), "--label", "x=y=z")
    assert call(*command)[2] == (
        "build_packet.py: label of run x=y: no run is called so (RUN=NAME is parted at its last "
        "=); the runs are alpha, beta, gamma\n")


def test_a_benchmark_that_the_runs_contradict_is_said_to_be_unused(tmp_path):
    run = judged(tmp_path / "run", [turn(0, benchmark="talks"), turn(1, benchmark="talks")])
    code, out, err = call("build_packet.py", "--run-dir", str(run), "--benchmark", "trains",
                          "--output-dir", str(tmp_path / "out"))
    assert code == 0 and "talks: 2 rows read" in out
    assert err == "--benchmark trains is not used: the runs say that they are of talks\n"


def test_missing_inputs_of_coders_are_named_before_keys_and_projects(tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    for script, first in (("open_coder.py", ""), ("axial_coder.py", "; run open_coder.py first")):
        assert call(script, "--input", "gone.jsonl", "--project", "p")[2] == \
            f"{script}: gone.jsonl: no such file or folder{first}\n"
    (tmp_path / "notes.md").write_text("notes", encoding="utf-8")
    assert "gone: no such file or folder; " in call("compare_codes.py", "gone", "gone")[2]
    assert "notes.md: 0 axial codings in it; " in call("compare_codes.py", "notes.md", "gone")[2]


def test_filters_too_deep_for_python_are_refused(folder):
    code, _, err = call("analyze.py", "surface", str(folder), "--output", "x.json", "--filters",
                        "[" * DEEP)
    assert code == 1 and err.startswith("analyze.py: --filters: not valid JSON (")


# --- what is refused is refused before anything is written ---------------------------------------

def _contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()
            if path.is_file() and path.suffix != ".lock"}


@pytest.mark.parametrize(("name", "old", "new", "command", "says"), [
    ("sanity.json", b'"model_name": "alpha"', b'"model_name": ["alpha"]',
     ("compare_models.py", "{}"), "sanity.json: runs[0].model_name is no text"),
    ("facts.json", b'"failed_rows/alpha"', b'"failed_rows/omega"',
     ("compare_models.py", "{}"), "facts.json: no fact failed_rows/alpha"),
    ("item_versions.json", b'"contents": [', b'"contents": [7,',
     ("compare_models.py", "{}"), "item_versions.json: differing[0].contents[0] is no object"),
    ("agreement.json", b'"reviews": ', b'"reviews": "many", "was": ', STAGE_1,
     "agreement.json: reviews is no whole number"),
    ("review_plan.jsonl", b'{"', b'{', STAGE_1, "review_plan.jsonl:1: not a line of a plan"),
    ("contrast_rows.jsonl", b'{"', b'{', STAGE_1, "contrast_rows.jsonl:1: not valid JSON"),
    ("deep_error_analysis.md", b"#", b"\xe9", STAGE_1, "deep_error_analysis.md:1: not UTF-8"),
    ("deep_error_analysis.md", b"#", b"\xe9", ("write_report.py", "{}"),
     "deep_error_analysis.md:1: not UTF-8"),
    ("agreement.json", b'"settled": ', b'"was": ', ("write_report.py", "{}"),
     "agreement.json: it has no settled"),
])
@pytest.mark.parametrize("proof", ["as it was", "made to fit"])
def test_a_refusal_leaves_every_file_as_it_was(whole, tmp_path, name, old, new, command, says,
                                               proof):
    folder, runs = whole
    shutil.copytree(folder, copy := tmp_path / "out")
    data = (copy / name).read_bytes()
    assert old in data
    (copy / name).write_bytes(data.replace(old, new, 1))
    PROOFS[proof](copy, name)
    before = _contents(copy)
    code, _, err = call(*wanted(command, copy, runs))
    assert code == 1 and err.count("\n") == 1, err
    assert says in err or (proof == "as it was" and f"{name}:" in err), err
    assert _contents(copy) == before


@pytest.mark.parametrize(("name", "old", "new", "command", "says"), [
    ("model_comparison.json", b'"pairs": [', b'"pairs": [{"a": 3}, ',
     ("plan_review.py", "{}"), "model_comparison.json: pairs[0]"),
    ("model_comparison.json", b'"interval": [', b'"interval": [null, ', ("write_report.py", "{}"),
     "model_comparison.json: units[0].interval"),
    ("clusters.json", b'"failing_rows": ', b'"failing_rows": NaN, "was": ',
     ("write_report.py", "{}"), "clusters.json: it holds a number beyond all that JSON can carry"),
    ("clusters.json", b'"examples": {', b'"examples": {"omega": ["a/1"], ',
     ("check_report.py", "{}"), "clusters.json: the models of a mode and those of its examples"),
    ("item_versions.json", b'"without_differing": [', b'"without_differing": 5, "was": [',
     ("write_report.py", "{}"), "item_versions.json: without_differing is no list"),
    ("sanity.json", b'"benchmark": "', b'"benchmark": ["x"], "was": "',
     ("review_app.py", "{}", "--static", "{}/page.html"),
     "sanity.json: conservation.benchmark is no text"),
])
def test_a_result_of_another_shape_is_refused_for_what_is_wrong_in_it(
        whole, tmp_path, name, old, new, command, says):
    folder, runs = whole
    shutil.copytree(folder, copy := tmp_path / "out")
    data = (copy / name).read_bytes()
    assert old in data
    (copy / name).write_bytes(data.replace(old, new, 1))
    _made_to_fit(copy, name)
    code, _, err = call(*wanted(command, copy, runs))
    assert code == 1 and says in err and err.count("\n") == 1, err


@pytest.mark.parametrize("command", [
    ("show_datapoint.py", "{}", "--next"), ("plan_review.py", "{}"),
    ("measure_agreement.py", "{}")])
def test_a_packet_that_is_a_link_to_itself_is_named(whole, tmp_path, command):
    shutil.copytree(whole[0], copy := tmp_path / "out")
    _loop(copy / "failure_review_rows.jsonl")
    code, _, err = call(*wanted(command, copy, whole[1]))
    assert (code, err) == (1, f"{command[0]}: {copy}/failure_review_rows.jsonl: a link that leads "
                              "nowhere; remove it and run build_packet.py\n")


@pytest.mark.parametrize("name", ["reviews.jsonl", "reading_log.jsonl"])
def test_a_ledger_or_log_that_is_a_link_to_itself_is_named(whole, tmp_path, name):
    shutil.copytree(whole[0], copy := tmp_path / "out")
    _loop(copy / name)
    for command in (READERS[0], READERS[3], STAGE_1):
        code, _, err = call(*wanted(command, copy, whole[1]))
        assert code == 0 or (name in err and err.count("\n") == 1), err


@pytest.mark.parametrize("script", ["write_report.py", "compare_models.py", "build_packet.py"])
def test_a_manifest_that_is_nested_too_deep_is_named(whole, tmp_path, script):
    folder, runs = whole
    shutil.copytree(folder, copy := tmp_path / "out")
    (copy / manifest.NAME).write_bytes(b"[" * DEEP + b"]" * DEEP)
    command = next(words for words in READERS if words[0] == script)
    code, _, err = call(*wanted(command, copy, runs))
    assert code == 1 and err.startswith(f"{script}: {copy}/manifest.json: not valid JSON ("), err
