"""user_files.py: what is wrong with a file of a user, with its line and the nearest name."""

import gzip
import json
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from failure_analysis import user_files
from failure_analysis.files import Refusal


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    field: str
    kind: Literal["word", "number"] = "word"


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    parts: Annotated[list[Part], Field(min_length=1)]
    weights: dict[Literal["left", "right"], float] = {}
    more: dict[str, Part] | None = None


PARTS = "parts:\n- field: a\n"
WRONG = {
    "empty": ("", ": the file: Input should be a valid mapping, got None"),
    "list": ("- 1", ":1: the file: Input should be a valid mapping, got [1]"),
    "unknown key": (f"{PARTS}  kid: word", ":3: parts[0].kid: unknown key; nearest: kind; known "
                    "are field, kind"),
    "needed key misspelled": ("parts:\n- {\n  feild: a}", ":3: parts[0].feild: unknown key; "
                              "nearest: field; known are field, kind"),
    "needed key": ("parts:\n- kind: word", ":2: parts[0].field: it is not there, and is needed"),
    "word": (f"{PARTS}  kind: wort", ":3: parts[0].kind: 'wort': nearest: word; known are word, "
             "number"),
    "key of a map": (f"{PARTS}weights: {{left: 1,\n  rihgt: 2}}", ":4: weights.rihgt: "),
    "value of a map": (f"{PARTS}weights:\n  left: yes", ":4: weights.left: Input should be a valid "
                       "number, got True"),
    "below a map": (f"{PARTS}more:\n  x:\n    field: b\n    filed: c", ":6: more.x.filed: unknown "
                    "key; nearest: field; known are field, kind"),
    "twice": (f"{PARTS}  kind: word\n  kind: number", ":4: the key kind is there twice; keep one"),
    "alias": ("parts: &p\n- field: a\nmore: *p", ":3: more: Input should be a valid mapping"),
    "tag": ("parts: !!python/object:os.system x", ":1: not valid YAML (could not determine a"),
    "date": (f"{PARTS}  kind: 2024-13-45", ": not valid YAML ("),
    "depth": ("[" * 3000 + "]" * 3000, ": not valid YAML (nested more than 100 levels deep"),
    "digits": (f"{PARTS}weights: {{left: {'1' * 5000}}}", ": not valid YAML ("),
    "bytes": (b"\xff\xfe\x00", ": not valid YAML ("),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_has_its_line(case, tmp_path):
    text, message = WRONG[case]
    path = tmp_path / "x.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(Refusal) as refused:
        user_files.load(path, Whole)
    assert str(refused.value).startswith(f"{path}{message}")


def test_json_is_read_as_json(tmp_path):
    path = tmp_path / "x.json"
    text = '{"parts": [{"field": "\\ud83d\\ude00"}],\n\t"weights": {"left": 1e3}}'
    path.write_text(text)
    whole = user_files.load(path, Whole)
    assert (whole.parts[0].field, whole.weights) == ("😀", {"left": 1000})
    packed = tmp_path / "x.json.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    assert user_files.load(packed, Whole) == whole
    path.write_text(text.replace('"left"', '"left": 1, "left"').replace("\\ud83d\\ude00", "x"))
    with pytest.raises(Refusal, match=r"x\.json:2: the key left is there twice"):
        user_files.load(path, Whole)
    path.write_text(json.dumps({"parts": [{"field": "😀", "kin": 1}]}))  # YAML cannot read it
    with pytest.raises(Refusal, match=r"x\.json: parts\[0\]\.kin: unknown key; nearest: kind"):
        user_files.load(path, Whole)
    path.write_text('{"parts": [}')
    with pytest.raises(Refusal, match=r"x\.json: not valid JSON"):
        user_files.load(path, Whole)


def test_an_empty_value_of_a_list_names_its_line(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("weights: {}\nparts: []\n")
    with pytest.raises(Refusal, match=r"x\.yaml:2: parts: List should have at least 1 item"):
        user_files.load(path, Whole)


def test_what_is_called_packed_and_is_not_is_refused(tmp_path):
    path = tmp_path / "x.yaml.gz"
    path.write_text(PARTS)
    with pytest.raises(Refusal, match=r"x\.yaml\.gz: damaged, or not packed as it is called"):
        user_files.load(path, Whole)


def test_a_refusal_is_one_line_whatever_a_key_holds(run_script, tmp_path):
    rules = tmp_path / "mine.yaml"
    rules.write_text('rules:\n- name: a\n  "x\\ncluster_failures.py: all is well\\e[31m": 1\n')
    done = run_script("cluster_failures.py", tmp_path, "--rules", rules)
    assert done.stderr.count("\n") == 1 and "x cluster_failures.py: all is well\\x1b[31m: unkn" \
        in done.stderr
    done = run_script("cluster_failures.py", tmp_path, "--rules", tmp_path / "\x1b[31m.yaml")
    assert done.stderr.count("\n") == 1 and "\x1b" not in done.stderr


def test_an_endless_refusal_lacks_its_middle(run_script, tmp_path):
    path = "/".join(["deep"] + ["d" * 100] * 50)  # longer than any system opens
    done = run_script("measure_agreement.py", path)
    line, = done.stderr.splitlines()
    assert len(line) < 950 and line.startswith("measure_agreement.py: /") and "/deep/ddd" in line \
        and "d … d" in line and line.endswith("File name too long")
    folder = "e" * 200 + "/" + "f" * 200
    deep = tmp_path.joinpath(*[folder] * 3)
    done = run_script("check_report.py", deep)
    line, = done.stderr.splitlines()
    assert len(line) < 950 and line.endswith("run write_report.py first")


def test_aliases_of_aliases_are_shown_in_short(run_script, tmp_path):
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]")
    rules = tmp_path / "mine.yaml"
    rules.write_text("\n".join([*lines, "rules: *i", ""]))
    done = run_script("cluster_failures.py", tmp_path, "--rules", rules)
    line, = done.stderr.splitlines()
    assert ":8: rules[0]: Input should be a valid mapping, got [[[" in line and len(line) < 400
