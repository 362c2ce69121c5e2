"""The prose holds: what Markdown, manifests and evals name exists, and documented commands work.

A scanner returns how many things it looked at and what is wrong with them. Each is run on the
bundle (where it must find enough to look at) and on a toy bundle with one planted fault.
"""

import ast
import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from failure_analysis.packet import rows
from failure_analysis.review import ledger
from llm_server import Endpoint

Findings = tuple[int, list[str]]
Scanner = Callable[[Path], Findings]
Process = Callable[..., subprocess.CompletedProcess[str]]

BUNDLE = Path(__file__).resolve().parents[1]
NAME = "deep-error-analysis"
FRONTMATTER = re.compile(r"\A---\n(.*?\n)---\n(.*)\Z", re.S)
KEYS = {"name", "description", "license", "compatibility", "metadata", "allowed-tools"}
# Built so that this file does not match itself.
HOME_PATH = re.compile(r"(?<![\w.}~])/(?:home|Users|root|work)/|\b[A-Z]:\\+Users\b")
FLAG = re.compile(r"(?<![\w-])--[a-z][\w-]*")
SCRIPT = re.compile(r"(?P<folder>scripts/)?(?<![\w-])(?P<name>[a-z0-9_]+\.py)\b")
PLACEHOLDER = re.compile(r"\{bundle\}|(?<![A-Za-z])[A-Z][A-Z_]{2,}(?![A-Za-z.])")
PLACEHOLDERS = {
    "ANALYSIS_DIR": "results/demo",
    "COMPARISON_DIR": "{bundle}/tests/fixtures/demo_runs/comparison",
    "RUN_DIR": "{bundle}/tests/fixtures/demo_runs/runs/{first_run}",
    "OLD_RUN": "{bundle}/tests/fixtures/demo_runs/runs/{first_run}",
    "NEW_RUN": "{bundle}/tests/fixtures/demo_runs/runs/20261121T051646_qwen2.5-coder-1.5b-instruct",
    "INPUT": "{bundle}/tests/fixtures/demo_runs/runs/{first_run}/openai_judged.jsonl",
    "RESULTS": "{bundle}/tests/fixtures/quiz/answers.jsonl",
    "MAPPING": "{bundle}/tests/fixtures/quiz/benchmark.yaml",
    "RULES": "{bundle}/templates/heuristics.yaml",
    "DATASET": "worlds/overthink.json",
    "ARCHIVES": "{bundle}/tests/fixtures/demo_archives",
    "DATAPOINT_ID": "{first_run}/7",
    "VERBATIM_QUOTE": "You are now registered for Labelling Calls Without Tears.",
}
REVIEW = "tests/fixtures/demo_review"
PLAN, WRITE = "{bundle}/scripts/plan_review.py", "{bundle}/scripts/write_report.py"
# What a reader does besides before writing, with the reviews that come with the demo.
REST = (
    [PLAN, "ANALYSIS_DIR", "--all"],
    ["{bundle}/scripts/show_datapoint.py", "ANALYSIS_DIR", "DATAPOINT_ID", "--coder", "agent-1"],
    ["{bundle}/scripts/show_datapoint.py", "ANALYSIS_DIR", "--next", "100", "--tokens", "20000",
     "--coder", "reader-1"],
    ["{bundle}/scripts/record_review.py", "ANALYSIS_DIR", "--from",
     f"{{bundle}}/{REVIEW}/reviews.jsonl", "--coder", "reader-1"],
)
EVAL_KEYS = {"id": int, "prompt": str, "expected_output": str, "files": list, "expectations": list}
# Installing and testing commands, which the tests do not run.
NOT_EXECUTED = (
    ("python3", "-m", "pip", "install"),
    ("python3", "-m", "pytest"),
    ("uv", "run", "pytest"),
    ("npx", "skills"),
    ("git", "clone"),
    ("claude", "plugin"),
    ("claude", "--plugin-dir"),
    ("cp", "-r"),
    ("ln", "-s"),
)


class Fence(NamedTuple):
    """A fenced block of a Markdown file; `line` is its first line inside."""

    line: int
    language: str
    text: str


class Command(NamedTuple):
    """One command of a bash block."""

    where: str
    words: list[str]


def bundle_files(root: Path) -> list[Path]:
    """The files git tracks or would track; outside git, all but caches."""
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], cwd=root, capture_output=True, text=True
    )
    paths = [root / name for name in listed.stdout.split("\0") if name]
    if not paths:
        skipped = re.compile(r"(^|/)(\.git|\.venv|__pycache__|\.\w+_cache|\.hypothesis)(/|$)")
        everything = [path.relative_to(root).as_posix() for path in root.rglob("*")]
        paths = [root / name for name in everything if not skipped.search(name)]
    return sorted(path for path in paths if path.is_file())


def documents(root: Path) -> list[Path]:
    """The Markdown files that people and agents read; fixtures are data."""
    fixtures = root / "tests" / "fixtures"
    return [p for p in bundle_files(root) if p.suffix == ".md" and not p.is_relative_to(fixtures)]


def skill_files(root: Path) -> list[Path]:
    """The root SKILL.md and those of the stages."""
    return [path for path in documents(root) if path.name == "SKILL.md"]


def split_markdown(text: str) -> tuple[list[Fence], list[tuple[int, str]]]:
    """The fenced blocks, and the numbered lines outside them."""
    fences, prose, opening, inside = [], [], None, []
    for number, line in enumerate(text.splitlines(), 1):
        mark = re.match(r"\s*(`{3,}|~{3,})\s*(\S*)", line)
        if opening is None and mark:
            opening, inside = (number, mark[1], mark[2]), []
        elif opening is None:
            prose.append((number, line))
        elif mark and mark[1].startswith(opening[1]) and not mark[2]:
            fences.append(Fence(opening[0] + 1, opening[2], textwrap.dedent("\n".join(inside))))
            opening = None
        else:
            inside.append(line)
    if opening:
        fences.append(Fence(opening[0] + 1, "never closed", "\n".join(inside)))
    return fences, prose


def logical_lines(fence: Fence) -> list[tuple[int, str]]:
    """The numbered lines of a block, those that end in a backslash joined with the next."""
    lines, pending, start = [], "", fence.line
    for number, line in enumerate(fence.text.split("\n"), fence.line):
        start = start if pending else number
        pending += line.removesuffix("\\")
        if not line.endswith("\\"):
            lines.append((start, pending))
            pending = ""
    return lines


def commands(root: Path, document: Path) -> list[Command]:
    """The commands of a document's bash blocks, in order; in README `a && b` is two of them."""
    found, glue = [], "&&" if document.name == "README.md" else None
    for fence in split_markdown(document.read_text("utf-8"))[0]:
        for number, line in logical_lines(fence) if fence.language == "bash" else []:
            lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            words = list(lexer)
            where = f"{document.relative_to(root)}:{number}"
            ends = [end for end, word in enumerate(words) if word == glue]
            parts = zip([-1, *ends], [*ends, len(words)], strict=True)
            found += [Command(where, words[start + 1 : end]) for start, end in parts if words]
    return found


def script_words(words: list[str]) -> list[str] | None:
    """The words from the script on, when a command runs a Python script."""
    runner = 2 if words[:2] == ["uv", "run"] else 1 if words[0] in ("python", "python3") else 0
    while runner and words[runner:runner + 1] == ["--with"]:
        runner += 2
    return words[runner:] if runner and " ".join(words[runner:][:1]).endswith(".py") else None


def scan_frontmatter(root: Path) -> Findings:
    """Each SKILL.md: frontmatter as the Agent Skills spec has it, and a short body."""
    problems = []
    for path in skill_files(root):
        where, is_root = path.relative_to(root), path.parent == root
        parts = FRONTMATTER.match(path.read_text("utf-8"))
        if not parts:
            problems.append(f"{where}:1: must start with a line `---`, YAML and a line `---`")
            continue
        limit = 200 if is_root else 500
        if len(parts[2].splitlines()) >= limit:
            problems.append(f"{where}: body has {limit} lines or more; move some to references/")
        problems += [f"{where}: {text}" for text in yaml_problems(parts[1])]
        try:
            meta = yaml.safe_load(parts[1])
        except yaml.YAMLError:
            continue
        expected = NAME if is_root else path.parent.name
        problems += [f"{where}: {text}" for text in field_problems(meta, expected, not is_root)]
    return len(skill_files(root)), problems


def yaml_problems(text: str) -> list[str]:
    """What a strict YAML parser would refuse or silently cut, though PyYAML accepts it."""
    problems = []
    if re.search(r"\s#|---", text):
        problems.append("frontmatter has ` #` or `---`, where some parsers cut it; reword")
    try:
        queue = [yaml.compose(text)]
    except yaml.YAMLError as error:
        return [*problems, f"frontmatter is not YAML ({error}); write the description as `>-`"]
    while queue:
        node = queue.pop()
        if isinstance(node, yaml.CollectionNode) and node.flow_style:
            problems.append("frontmatter has inline {} or []; write one key per line")
        elif isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value]
            problems += [f"frontmatter repeats {key}" for key in keys if keys.count(key) > 1]
            queue += [value for _, value in node.value]
    return problems


def field_problems(meta: dict, name: str, is_stage: bool) -> list[str]:
    """What is wrong with the fields of a frontmatter; `name` is the expected one."""
    description, metadata = str(meta.get("description", "")), meta.get("metadata") or {}
    plain = description.isascii() and not set("<>") & set(description)
    strings = all(isinstance(v, str) or (k, v) == ("internal", True) for k, v in metadata.items())
    texts = [meta[key] for key in ("license", "compatibility", "allowed-tools") if key in meta]
    checks = [
        (set(meta) <= KEYS, f"keys {sorted(set(meta) - KEYS)} are not in the spec; remove them"),
        (meta.get("name") == name, f"name is {meta.get('name')!r}, expected {name!r}"),
        (re.fullmatch(r"(?!.{65})[a-z0-9]+(-[a-z0-9]+)*", name), f"{name!r} is no skill name"),
        (1 <= len(description.strip()) <= 400, "description must have 1 to 400 characters"),
        (plain, "description must be ASCII without < and >"),
        (strings, "metadata values must be strings; quote them (`internal: true` alone is not)"),
        (all(isinstance(v, str) and 0 < len(v) <= 500 for v in texts), "a field is no text"),
        (not is_stage or metadata.get("internal") is True,
         "metadata needs `internal: true`, or installers offer the stage without the scripts"),
    ]  # fmt: skip
    return [message for passed, message in checks if not passed]


def anchors(path: Path) -> set[str]:
    """The anchors of a Markdown file, made from its headings as GitHub does."""
    found: dict[str, int] = {}
    text = path.read_text("utf-8")
    for _, line in split_markdown(text)[1]:
        if heading := re.match(r"#{1,6}\s+(.+?)\s*#*$", line):
            shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).lower()
            slug = re.sub(r"[^\w\- ]", "", shown).replace(" ", "-")
            found[slug] = found.get(slug, -1) + 1
            found.setdefault(f"{slug}-{found[slug]}" if found[slug] else slug, 0)
    return {*found, *re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text)}


def targets(document: Path) -> list[tuple[int, str]]:
    """The numbered link targets of a Markdown file, code left out."""
    found = []
    for number, line in split_markdown(document.read_text("utf-8"))[1]:
        plain = re.sub(r"(`+).+?\1", "", line)
        links = re.findall(r"\]\(\s*<?([^)\s>]+)", plain)
        links += re.findall(r"^\s*\[[^\]]+\]:\s*(\S+)", plain)
        found += [(number, target) for target in links]
    return found


def scan_links(root: Path) -> Findings:
    """Every relative link and anchor of every document leads to something in the bundle."""
    count, problems = 0, []
    for document in documents(root) + sorted((root / "tests/fixtures").rglob("README.md")):
        for number, target in targets(document):
            if re.match(r"[a-z]+:", target):
                continue
            count += 1
            where = f"{document.relative_to(root)}:{number}"
            name, _, anchor = target.partition("#")
            path = (document.parent / name).resolve() if name else document
            if not path.exists() or not path.is_relative_to(root.resolve()):
                problems.append(f"{where}: link to {target}: no such file in the bundle")
            elif anchor and path.suffix == ".md" and anchor not in anchors(path):
                known = ", ".join(sorted(anchors(path)))
                problems.append(f"{where}: link to {target}: no such heading; there are {known}")
    return count, problems


def scan_reachable(root: Path) -> Findings:
    """Some SKILL.md names each reference, it or a reference each template, and the root links each
    stage and back."""
    skills = {path: path.read_text("utf-8") for path in skill_files(root)}
    said = "".join(path.read_text("utf-8") for path in (root / "references").glob("*.md"))
    links = {(path.parent / t).resolve() for path in skills for _, t in targets(path)}
    folders = (root / "references", root / "templates")
    shared = [path for path in bundle_files(root) if path.parent in folders]
    problems = [
        f"{path.relative_to(root)}: no SKILL.md names it; say when to read it, or remove it"
        for path in shared
        if not any(path.relative_to(root).as_posix() in text for text in skills.values())
        and path.resolve() not in links
        and not (path.parent.name == "templates" and f"(../templates/{path.name})" in said)
    ]
    root_links = {(root / t.partition("#")[0]).resolve() for _, t in targets(root / "SKILL.md")}
    for path, text in skills.items():
        where = path.relative_to(root)
        if not {path.resolve(), path.parent.resolve()} & {*root_links, root.resolve()}:
            problems.append(f"SKILL.md: no link to {where}")
        if path.parent != root and "](../../SKILL.md" not in text:
            problems.append(f"{where}: no link back to ../../SKILL.md")
        if "{bundle}" in text and not re.match(r"` (is|means) ", text.split("{bundle}", 1)[1]):
            problems.append(f"{where}: say what {{bundle}} is before its first use")
    return len(shared) + len(skills), problems


def scan_script_table(root: Path) -> Findings:
    """README's table has each script in its first column, and no others."""
    lines = (root / "README.md").read_text("utf-8").splitlines()
    cells = [line.split("|")[1] for line in lines if line.lstrip().startswith("|")]
    listed = {match["name"] for cell in cells for match in SCRIPT.finditer(cell)}
    scripts = {path.name for path in (root / "scripts").glob("*.py")}
    problems = [f"README.md: {name} is not in the table of scripts" for name in scripts - listed]
    problems += [f"README.md: the table lists {name}: no such script" for name in listed - scripts]
    return len(listed), sorted(problems)


@functools.cache
def flags_of(script: Path) -> frozenset[str]:
    """The options that the --help of a script names, and that of each of its commands."""
    def shown(*command: str) -> str:
        return subprocess.run([sys.executable, script, *command, "--help"], capture_output=True,
                              encoding="utf-8").stdout

    text = shown()
    commands = text.partition("\n  COMMAND\n")[2].partition("\n\n")[0]
    names = re.findall(r"^    ([a-z]\w*)", commands, re.MULTILINE)
    return frozenset(FLAG.findall(" ".join([text, *map(shown, names)])))


def code_lines(document: Path) -> list[tuple[int, str]]:
    """The numbered lines of the fenced blocks, and the inline code."""
    fences, prose = split_markdown(document.read_text("utf-8"))
    lines = [line for fence in fences for line in logical_lines(fence)]
    spans = [(n, span[1]) for n, line in prose for span in re.findall(r"(`+)(.+?)\1", line)]
    return lines + spans


def scan_flags(root: Path) -> Findings:
    """Every script named with a path, and every option after a script's name, exists."""
    count, problems = 0, []
    scripts = {path.name: path for path in (root / "scripts").glob("*.py")}
    every_flag = {flag for path in scripts.values() for flag in flags_of(path)}
    for document in documents(root):
        for number, line in code_lines(document):
            where, code = f"{document.relative_to(root)}:{number}", re.split(r"\s#\s|[|;]", line)[0]
            named = list(SCRIPT.finditer(code))
            wrong = [m[0] for m in named if m["folder"] and m["name"] not in scripts]
            problems += [f"{where}: {name}: no such script" for name in wrong]
            script = next((match for match in named if match["name"] in scripts), None)
            used = FLAG.findall(code[script.end() :] if script else code)
            known = flags_of(scripts[script["name"]]) if script else every_flag
            if not script and not code.startswith("--"):
                continue  # the options of other tools
            count += len(used)
            name = script["name"] if script else "any script"
            problems += [f"{where}: {f}: not in --help of {name}" for f in used if f not in known]
    return count, problems


def scan_bash(root: Path) -> Findings:
    """Every bash block parses, and no command hides in a block of another kind."""
    count, problems = 0, []
    for document in documents(root):
        for fence in split_markdown(document.read_text("utf-8"))[0]:
            where = f"{document.relative_to(root)}:{fence.line}"
            if fence.language == "bash":
                count += 1
                parsed = subprocess.run(
                    ["bash", "-n"], input=fence.text, capture_output=True, encoding="utf-8"
                )
                problems += [f"{where}: bash -n: {parsed.stderr}"] if parsed.returncode else []
            elif re.search(r"(?m)^[\s$]*(uv run|python3?) ", fence.text):
                problems.append(f"{where}: a command in a block not marked ```bash is not tested")
    return count, problems


def scan_commands(root: Path) -> Findings:
    """Every command of a bash block either runs a script plainly or is known not to be run."""
    count, problems = 0, []
    for document in documents(root):
        for where, words in commands(root, document):
            count += 1
            if any(set(word) <= set("();<>|&") for word in words):
                problems.append(f"{where}: one plain command per line: no pipe, redirection or &&")
            elif rest := script_words(words):
                names = {name for word in rest for name in PLACEHOLDER.findall(word)}
                for name in sorted(names - set(PLACEHOLDERS) - {"{bundle}"}):
                    problems.append(f"{where}: {name}: use one of {list(PLACEHOLDERS)}")
            elif not copies(words) and not any(words[: len(known)] == [*known]
                                               for known in NOT_EXECUTED):
                problems.append(f"{where}: `{' '.join(words)}` is not tested; see NOT_EXECUTED")
    return count, problems


def scan_paths(root: Path) -> Findings:
    """No text file holds a path of somebody's machine."""
    count, problems = 0, []
    for path in bundle_files(root):
        try:
            lines = path.read_bytes().decode("utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        count += 1
        for number, line in enumerate(lines, 1):
            if found := HOME_PATH.search(line):
                where = f"{path.relative_to(root)}:{number}"
                problems.append(f"{where}: {found[0]}: write a relative path or a placeholder")
    return count, problems


def scan_names(root: Path) -> Findings:
    """No file that an installer drops, none below a stage that needs its own copy of scripts."""
    problems = []
    for path in bundle_files(root):
        name = path.relative_to(root).as_posix()
        dropped = path.name == "metadata.json" or re.search(r"(^|/)_(?!_init__\.py$)", name)
        if dropped:
            problems.append(f"{name}: installers drop metadata.json and _names; rename it")
        if re.match(r"skills/[^/]+/scripts/", name):
            problems.append(f"{name}: scripts live in scripts/ only; move it")
        if path.name == "__init__.py" and len(ast.parse(path.read_text("utf-8")).body) > 1:
            problems.append(f"{name}: older installers drop it; keep just its docstring")
    return len(bundle_files(root)), problems


def scan_manifests(root: Path) -> Findings:
    """plugin.json and marketplace.json are what the clients need, and agree."""
    plugin = json.loads((root / ".claude-plugin/plugin.json").read_text("utf-8"))
    market = json.loads((root / ".claude-plugin/marketplace.json").read_text("utf-8"))
    entries = market.get("plugins", [])
    entry = entries[0] if entries else {}
    shared = [key for key in ("name", "version", "description", "license") if key in entry]
    checks = [
        (plugin.get("name") == NAME, f"plugin.json: name must be {NAME}"),
        (plugin.get("skills") == ["./"], 'plugin.json: skills must be ["./"], or root is hidden'),
        (plugin.get("license") == "MIT", "plugin.json: license must be MIT"),
        (plugin.get("author", {}).get("name"), "plugin.json: author.name is missing"),
        (plugin.get("description"), "plugin.json: description is missing"),
        (market.get("name") and market.get("description"), "marketplace.json: name, description"),
        (market.get("owner", {}).get("name"), "marketplace.json: owner.name is missing"),
        (len(entries) == 1, "marketplace.json: expected exactly one plugin"),
        (entry.get("source") == "./", 'marketplace.json: source must be "./"'),
        ("name" in shared, "marketplace.json: the plugin has no name"),
        (all(entry[key] == plugin.get(key) for key in shared),
         f"marketplace.json: {shared} must be equal to plugin.json's"),
    ]  # fmt: skip
    return 2, [f".claude-plugin/{message}" for passed, message in checks if not passed]


def scan_evals(root: Path) -> Findings:
    """evals.json and triggers.json have the fields, numbers and files they should."""
    evals = json.loads((root / "tests/evals/evals.json").read_text("utf-8"))
    triggers = json.loads((root / "tests/evals/triggers.json").read_text("utf-8"))
    problems = [] if evals.get("skill_name") == NAME else [f"evals.json: skill_name is not {NAME}"]
    for case in evals["evals"]:
        where = f"evals.json: eval {case.get('id')}"
        if set(case) != set(EVAL_KEYS):
            problems.append(f"{where}: has the keys {sorted(case)}")
            continue
        if not all(case[key] and isinstance(case[key], kind) for key, kind in EVAL_KEYS.items()):
            problems.append(f"{where}: a field is empty or not of the type {EVAL_KEYS}")
            continue
        missing = [name for name in case["files"] if not (root / name).exists()]
        problems += [f"{where}: {name}: no such file in the bundle" for name in missing]
    if len({case.get("id") for case in evals["evals"]}) != len(evals["evals"]):
        problems.append("evals.json: ids must differ")
    queries = [case.get("query") for case in triggers]
    wanted = [case.get("should_trigger") for case in triggers]
    if len(set(queries)) != len(queries) or not all(queries):
        problems.append("triggers.json: queries must be there and differ")
    if set(wanted) != {True, False} or wanted.count(True) != wanted.count(False):
        problems.append("triggers.json: half of should_trigger must be true, half false")
    return len(evals["evals"]) + len(triggers), [f"tests/evals/{text}" for text in problems]


def scan_ci(root: Path) -> Findings:
    """.ci/run parses, and runs README's test command as it stands there."""
    ci = (root / ".ci/run").read_text("utf-8")
    found = [" ".join(words) for _, words in commands(root, root / "README.md")]
    tests = [command for command in found if command.startswith("uv run pytest")]
    problems = [
        f".ci/run: README's test command `{command}` is not a line of it"
        for command in tests
        if command not in ci.splitlines()
    ]
    parsed = subprocess.run(["bash", "-n"], input=ci, capture_output=True, encoding="utf-8")
    problems += [f".ci/run: bash -n: {parsed.stderr}"] if parsed.returncode else []
    return len(tests), problems


def fill(word: str, root: Path) -> str:
    """A word of a command with its placeholders replaced by demo paths."""
    runs = sorted(p.name for p in (root / "tests/fixtures/demo_runs/runs").glob("*") if p.is_dir())
    word = PLACEHOLDER.sub(lambda match: PLACEHOLDERS.get(match[0], match[0]), word)
    return word.replace("{first_run}", next(iter(runs), "")).replace("{bundle}", str(root))


def execute(words: list[str], root: Path, folder: Path, start: Process) -> str:
    """Runs one script command in a folder; returns what went wrong, or nothing."""
    filled = [fill(word, root) for word in words]
    run = subprocess.run(filled, cwd=folder, capture_output=True, encoding="utf-8") \
        if words[0] == "cp" else start(folder / filled[0], *filled[1:], cwd=folder)
    if run.returncode:
        return f"`{' '.join(filled)}` exits with {run.returncode}\n{run.stdout}{run.stderr}"
    named = [value for flag, value in zip(filled, filled[1:], strict=False) if "--output" in flag]
    missing = [name for name in named if not (folder / name).exists()]
    return f"`{' '.join(filled)}` did not write {missing}" if missing else ""


def run_document(root: Path, document: Path, folder: Path, start: Process) -> Findings:
    """Runs every script command of a document in order, as its reader would: README's in a copy
    of the bundle, a SKILL.md's in an empty project."""
    copy, project = folder / "copy", folder / "project"
    for path in bundle_files(root):
        target = copy / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    project.mkdir()
    cwd = copy if document.name == "README.md" else project
    scripts = [(where, words if copies(words) else script_words(words))
               for where, words in commands(root, document)]
    scripts = [(where, words) for where, words in scripts if words]
    first = next((words for _, words in scripts if "ANALYSIS_DIR" in " ".join(words)), [])
    if first and not any("--output" in word for word in first):  # it starts from an analysis
        before = [("before", words) for words in prepared(first[0])]
        scripts = [*before, *scripts]
    results = []
    for where, words in scripts:
        if words[0] == WRITE and document.name == "SKILL.md":
            results += [(where, execute(rest, copy, cwd, start)) for rest in REST]
            shutil.copy(copy / f"{REVIEW}/report.md", cwd / "results/demo/deep_error_analysis.md")
        results.append((where, execute(words, copy, cwd, start)))
    return len(scripts), [f"{where}: {problem}" for where, problem in results if problem]


def copies(words: list[str]) -> bool:
    """Whether a command copies one file; `cp -r` installs and is not run."""
    return words[0] == "cp" and words[1] != "-r"


def prepared(script: str) -> list[list[str]]:
    """The commands that come before a document whose first command runs this script."""
    folder = "{bundle}/scripts/"
    if script != PLAN:
        return [[f"{folder}build_packet.py", "--comparison-dir", "COMPARISON_DIR",
                 "--output-dir", "ANALYSIS_DIR"]]
    return [[f"{folder}deep_error_analysis.py", "--comparison-dir", "COMPARISON_DIR",
             "--output", "ANALYSIS_DIR/deep_error_analysis.md"]]


SKILL_TEXT = """---
name: {name}
description: >-
  Counts things. Use when things are to be counted.
metadata:
  {metadata}
---
# {name}

`{{bundle}}` is the folder of the bundle.

```bash
uv run {{bundle}}/scripts/count.py --output ANALYSIS_DIR/a.txt \\
  --input RUN_DIR
```

{links}
"""
COUNT_SCRIPT = '''"""Counts."""
import argparse, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--output", type=pathlib.Path)
parser.add_argument("--input")
args = parser.parse_args()
args.output.parent.mkdir(parents=True, exist_ok=True)
args.output.write_text(args.input)
'''
PLUGIN = {
    "name": NAME,
    "version": "1.0",
    "description": "Counts.",
    "author": {"name": "us"},
    "license": "MIT",
    "skills": ["./"],
}
MARKETPLACE = {
    "name": NAME,
    "description": "Counting.",
    "owner": {"name": "us"},
    "plugins": [{"name": NAME, "source": "./", "version": "1.0"}],
}
EVAL = {
    "id": 1,
    "prompt": "a",
    "expected_output": "b",
    "files": ["SKILL.md"],
    "expectations": ["c"],
}
TOY = {
    "README.md": "# Toy\n\n| script | does |\n|---|---|\n| `count.py` | counts |\n\n"
    "[Usage](#toy), [skill](SKILL.md#deep-error-analysis)\n\n"
    "```bash\nuv run scripts/count.py --input README.md --output results/a  # counts\n"
    "uv run pytest\n```\n",
    "SKILL.md": SKILL_TEXT.format(
        name=NAME,
        metadata='version: "1.0"',
        links="[count](skills/count-things/SKILL.md)\n\nread [rows](references/rows.md) first",
    ),
    "skills/count-things/SKILL.md": SKILL_TEXT.format(
        name="count-things", metadata="internal: true", links="The flow: [flow](../../SKILL.md)"
    ),
    "references/rows.md": "# Rows and `columns`\n\n## Rows\n\n[up](#rows-and-columns)\n",
    "scripts/count.py": COUNT_SCRIPT,
    "tests/fixtures/demo_runs/runs/a/openai_judged.jsonl": "",
    "tests/evals/evals.json": json.dumps({"skill_name": NAME, "evals": [EVAL]}),
    "tests/evals/triggers.json": json.dumps(
        [{"query": "a", "should_trigger": True}, {"query": "b", "should_trigger": False}]
    ),
    ".claude-plugin/plugin.json": json.dumps(PLUGIN),
    ".claude-plugin/marketplace.json": json.dumps(MARKETPLACE),
    ".ci/run": "#!/bin/sh\nuv run pytest\n",
}
FLOORS = {
    scan_frontmatter: 3,
    scan_links: 10,
    scan_reachable: 8,
    scan_script_table: 4,
    scan_flags: 10,
    scan_bash: 5,
    scan_commands: 10,
    scan_paths: 30,
    scan_names: 30,
    scan_manifests: 2,
    scan_evals: 23,
    scan_ci: 1,
}


def changed(name: str, old: str, new: str) -> dict[str, str]:
    """The toy bundle with one file changed."""
    assert old in TOY[name]
    return TOY | {name: TOY[name].replace(old, new)}


STAGE = "skills/count-things/SKILL.md"
PLUGIN_FILE, MARKET_FILE = ".claude-plugin/plugin.json", ".claude-plugin/marketplace.json"
EVALS_FILE, TRIGGERS_FILE = "tests/evals/evals.json", "tests/evals/triggers.json"
PLANTED = {
    "no frontmatter": (scan_frontmatter, TOY | {"SKILL.md": "# x\n"}, "SKILL.md:1: must start"),
    "byte-order mark": (scan_frontmatter, TOY | {STAGE: "\ufeff" + TOY[STAGE]}, ":1: must start"),
    "long body": (scan_frontmatter, TOY | {"SKILL.md": TOY["SKILL.md"] + "\n" * 200}, "200 lines"),
    "other folder": (scan_frontmatter, changed(STAGE, "name: count", "name: sum"), "expected 'cou"),
    "bad name": (
        scan_frontmatter,
        TOY | {"skills/a--b/SKILL.md": TOY[STAGE].replace("name: count-things", "name: a--b")},
        "'a--b' is no skill name",
    ),
    "extra key": (scan_frontmatter, changed(STAGE, "metadata", "version: 1\nmetadata"), "['vers"),
    "no description": (scan_frontmatter, changed(STAGE, "description", "license"), "1 to 400"),
    "long description": (scan_frontmatter, changed(STAGE, "Use", "Use " * 100), "1 to 400"),
    "angle brackets": (scan_frontmatter, changed(STAGE, "Use when", "Use <when>"), "ASCII with"),
    "number in metadata": (scan_frontmatter, changed("SKILL.md", '"1.0"', "1.0"), "be strings"),
    "not internal": (scan_frontmatter, changed(STAGE, "internal", "stage"), "`internal: true`"),
    "colon": (scan_frontmatter, changed(STAGE, ">-\n  Counts", "Counts: all"), "is not YAML"),
    "inline map": (scan_frontmatter, changed(STAGE, "\n  internal: true", " {a: b}"), "inline {}"),
    "repeated key": (scan_frontmatter, changed(STAGE, "metadata", "name: a\nmetadata"), "repeats"),
    "cut text": (scan_frontmatter, changed(STAGE, "things. Use", "things --- Use"), "cut it"),
    "dead link": (scan_links, changed("README.md", "SKILL.md#", "SKILLS.md#"), "E.md:7: link"),
    "dead anchor": (scan_links, changed("references/rows.md", "#rows-", "#row-"), "ws.md:5: link"),
    "dead link in a fixture": (
        scan_links,
        TOY | {"tests/fixtures/demo_runs/README.md": "[runs](run/)"},
        "demo_runs/README.md:1: link to run/",
    ),
    "link outside": (scan_links, changed("README.md", "(#toy)", "(../../)"), "no such file in"),
    "unnamed reference": (scan_reachable, TOY | {"references/b.md": ""}, "references/b.md: no SK"),
    "unnamed template": (scan_reachable, TOY | {"templates/b.yaml": ""}, "templates/b.yaml: no SK"),
    "unlinked stage": (
        scan_reachable,
        changed("SKILL.md", "skills/count-things/", ""),
        f"SKILL.md: no link to {STAGE}",
    ),
    "no way back": (scan_reachable, changed(STAGE, "(../../", "(../"), "no link back"),
    "undefined bundle": (scan_reachable, changed(STAGE, "`{bundle}` is", "This is"), "say what"),
    "unlisted script": (scan_script_table, TOY | {"scripts/sum.py": ""}, "sum.py is not in the"),
    "listed ghost": (scan_script_table, changed("README.md", "`count.", "`sum."), "lists sum.py"),
    "unknown flag": (scan_flags, changed(STAGE, "--input", "--inputs"), ":13: --inputs: not in"),
    "unknown flag in prose": (
        scan_flags,
        changed("README.md", "counts |", "counts with `--fast` |"),
        "README.md:5: --fast: not in --help of any script",
    ),
    "unknown script": (scan_flags, changed(STAGE, "count.py", "counts.py"), "counts.py: no such"),
    "open quote": (scan_bash, changed(STAGE, "RUN_DIR", "'RUN_DIR"), "bash -n"),
    "unmarked block": (scan_bash, changed(STAGE, "```bash", "```"), "not marked ```bash"),
    "unknown command": (scan_commands, changed("README.md", "uv run pytest", "make"), "`make` is"),
    "pipe": (scan_commands, changed("README.md", "pytest", "pytest | tail"), "no pipe"),
    "chain": (scan_commands, changed("README.md", "pytest", "pytest&&ls"), "`ls` is not tested"),
    "chain in a skill": (scan_commands, changed(STAGE, "RUN_DIR", "RUN_DIR && ls"), "no pipe"),
    "new placeholder": (scan_commands, changed(STAGE, "RUN_DIR", "LOG_DIR"), "LOG_DIR: use one"),
    "home path": (scan_paths, TOY | {"scripts/a.py": f"x = '/{'home'}/a'"}, "scripts/a.py:1: "),
    "windows path": (scan_paths, TOY | {"b.md": "see C:\\" + "Users\\a"}, "b.md:1: C:"),
    "metadata.json": (scan_names, TOY | {"templates/metadata.json": ""}, "installers drop"),
    "underscore": (scan_names, TOY | {"scripts/_common.py": ""}, "_common.py: installers drop"),
    "stage script": (scan_names, TOY | {"skills/count-things/scripts/a.py": ""}, "in scripts/ on"),
    "busy init": (scan_names, TOY | {"scripts/lib/__init__.py": "a = 1\nb = 2\n"}, "docstring"),
    "root hidden": (scan_manifests, changed(PLUGIN_FILE, '"./"', '"."'), "root is hidden"),
    "no author": (scan_manifests, changed(PLUGIN_FILE, "author", "by"), "author.name is missing"),
    "other version": (scan_manifests, changed(MARKET_FILE, "1.0", "0.9"), "must be equal"),
    "missing eval file": (scan_evals, changed(EVALS_FILE, "SKILL.md", "a.md"), "a.md: no such"),
    "eval key": (scan_evals, changed(EVALS_FILE, "expectations", "assertions"), "has the keys"),
    "eval text": (scan_evals, changed(EVALS_FILE, '["c"]', '"c"'), "a field is empty or not"),
    "uneven triggers": (scan_evals, changed(TRIGGERS_FILE, "false", "true"), "half of should_"),
    "same trigger": (scan_evals, changed(TRIGGERS_FILE, '"b"', '"a"'), "must be there and differ"),
    "ci skips tests": (scan_ci, changed(".ci/run", "pytest", "pytest -x"), "is not a line of it"),
}
# A fault that shows only when the commands of a document are run.
PLANTED_RUNS = {
    "script fails": (changed("scripts/count.py", "args = ", "1 / 0 #"), "exits with 1"),
    "wrong usage": (changed(STAGE, "--input", ""), "exits with 2"),
    "nothing written": (changed("scripts/count.py", "args.output.w", "#"), "did not write"),
}


@pytest.mark.parametrize("scan", FLOORS, ids=lambda scan: scan.__name__)
def test_bundle_holds(scan: Scanner, bundle: Path) -> None:
    found, problems = scan(bundle)
    assert not problems, "\n".join(problems)
    assert found >= FLOORS[scan], f"{scan.__name__} looked at {found} things only"


@pytest.mark.parametrize("scan", FLOORS, ids=lambda scan: scan.__name__)
def test_sound_toy_bundle_holds(scan: Scanner, plant: Callable[..., Path]) -> None:
    assert scan(plant(TOY))[1] == []


@pytest.mark.parametrize("case", PLANTED)
def test_planted_fault_is_rejected(case: str, plant: Callable[..., Path]) -> None:
    scan, files, expected = PLANTED[case]
    problems = scan(plant(files))[1]
    assert any(expected in problem for problem in problems), problems


SLOW = ("README.md", "skills/code-failures/SKILL.md", "skills/diagnose-runs/SKILL.md")
DOCUMENTS = ["README.md", "SKILL.md", *sorted(
    path.relative_to(BUNDLE).as_posix() for path in BUNDLE.glob("skills/*/SKILL.md"))]


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in DOCUMENTS])
def test_documented_commands_work(
    name: str, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Process
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with Endpoint() as endpoint:  # for the commands that call a model
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
        found, problems = run_document(bundle, bundle / name, tmp_path, start)
    assert not problems, "\n".join(problems)
    assert found, f"{name} documents no command that runs a script"


@pytest.mark.parametrize("name", ["README.md", "SKILL.md", STAGE])
def test_commands_of_sound_toy_work(
    name: str, plant: Callable[..., Path], tmp_path: Path, start: Process
) -> None:
    root = plant(TOY)
    assert run_document(root, root / name, tmp_path, start) == (1, [])


@pytest.mark.parametrize("case", PLANTED_RUNS)
def test_planted_failing_command_is_rejected(
    case: str, plant: Callable[..., Path], tmp_path: Path, start: Process
) -> None:
    files, expected = PLANTED_RUNS[case]
    root = plant(files)
    found, problems = run_document(root, root / STAGE, tmp_path, start)
    assert found == 1 and expected in problems[0]


# What an agent reads on the way to a report, in tokens.
ROAD = ("SKILL.md", "skills/look-and-compare/SKILL.md", "skills/read-and-write/SKILL.md")
MOST_OF_ROOT, MOST_OF_ROAD = 900, 2_500


def tokens(text: str) -> int:
    """About how many tokens a text has, within 5 % of a language model's tokenizer on our texts: a
    word is one for every six letters, a number for every three digits, each run of signs is one."""
    return sum(-(-len(piece) // (6 if piece.isalpha() else 3))
               for piece in re.findall(r"[A-Za-z]+|\d+|[^\w\s]+|_|[^\x00-\x7f]", text))


def test_the_road_to_a_report_is_short(bundle: Path) -> None:
    sizes = {name: tokens((bundle / name).read_text("utf-8")) for name in ROAD}
    assert sizes["SKILL.md"] <= MOST_OF_ROOT, sizes
    assert sum(sizes.values()) <= MOST_OF_ROAD, sizes


def test_the_first_words_of_the_description_say_what_it_is_for(bundle: Path) -> None:
    text = FRONTMATTER.match((bundle / "SKILL.md").read_text("utf-8"))[1]
    begins = yaml.safe_load(text)["description"][:60]
    assert {"benchmark", "fail", "LLM"} <= set(re.findall(r"\w+", begins)), begins


def test_ci_script_can_be_executed(bundle: Path) -> None:
    assert os.access(bundle / ".ci/run", os.X_OK), ".ci/run: chmod +x it"


EXAMPLE = re.compile(r'"((?:[^"\\]|\\.)+)"\s+\[dp:([^\]]+)\]')


def test_quotes_of_the_coding_method_stand_in_the_demo_runs(
    bundle: Path, demo_runs: Path, run_inside: Callable, tmp_path: Path
) -> None:
    run_inside("build_packet.py", "--comparison-dir", demo_runs / "comparison", "--output-dir",
               tmp_path)
    known = rows.load(tmp_path)
    text = (bundle / "references/coding-method.md").read_text(encoding="utf-8")
    _, _, judgements = text.partition("## Hard judgements")
    cases = judgements.partition("\n## ")[0].split("\n**")[1:]
    assert len(cases) == 5
    for case in cases:
        found = EXAMPLE.findall(case)
        assert len(found) == 2, case
        for quote, ident in found:
            plain = quote.replace('\\"', '"')
            assert ledger.unproved([plain], rows.row(known, ident)) == "", quote
