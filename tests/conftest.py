"""Fixtures for every test: where the bundle and its data are, and how a script is run."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import settings

from coding_runs import KEY
from llm_server import Endpoint

# The same examples on every machine, however slow it is.
settings.register_profile("bundle", deadline=None, derandomize=True)
settings.load_profile("bundle")
# A shell starts background jobs with SIGINT ignored, and the scripts that tests interrupt would
# inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
BUNDLE = Path(__file__).resolve().parents[1]
Process = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def bundle() -> Path:
    """The root of the repository, which is the skill folder."""
    return BUNDLE


@pytest.fixture(scope="session")
def demo_runs(bundle: Path) -> Path:
    """The small made-up runs that ship with the bundle."""
    return bundle / "tests" / "fixtures" / "demo_runs"


@pytest.fixture(scope="session")
def real_runs() -> Path:
    """The folder of real benchmark runs named by REAL_RUNS; skips the test without it."""
    folder = os.environ.get("REAL_RUNS")
    if not folder:
        pytest.skip("REAL_RUNS is not set: no folder of real benchmark runs to read")
    return Path(folder)


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """`start(path, *args, cwd=None, env=None)`: runs a script in a process of its own, forked by
    script_server.py; `env` is added to the environment."""
    out, err = (tmp_path_factory.mktemp("output") / name for name in ("out", "err"))
    server = subprocess.Popen([sys.executable, Path(__file__).with_name("script_server.py")],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")

    def run(
        path: Path, *args: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        out.write_bytes(b"")
        err.write_bytes(b"")
        print(json.dumps([[str(path), *map(str, args)], str(cwd or Path.cwd()),
                          {**os.environ, **(env or {})}, str(out), str(err)]),
              file=server.stdin, flush=True)
        code = int(server.stdout.readline())
        return subprocess.CompletedProcess([path, *args], code, out.read_text(encoding="utf-8"),
                                           err.read_text(encoding="utf-8"))

    with server:
        yield run
        server.stdin.close()


@pytest.fixture(scope="session")
def run_script(bundle: Path, start: Process) -> Process:
    """`run_script("x.py", *args, cwd=None, env=None)`: runs scripts/x.py as a user would."""

    def run(name: str, *args: str | Path, **how: object) -> subprocess.CompletedProcess[str]:
        return start(bundle / "scripts" / name, *args, **how)

    return run


@pytest.fixture
def run_inside(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Process:
    """As run_script, in this process: for scripts whose imports take longer than their work."""

    def run(
        name: str, *args: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        path = bundle / "scripts" / name
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        capsys.readouterr()
        with monkeypatch.context() as patch:
            patch.chdir(cwd or Path.cwd())
            for key, value in (env or {}).items():
                patch.setenv(key, value)
            try:
                code = module.main([str(arg) for arg in args])
            except SystemExit as end:
                code = end.code
        said = capsys.readouterr()
        return subprocess.CompletedProcess([name, *args], code, said.out, said.err)

    return run


@pytest.fixture
def plant(tmp_path: Path) -> Callable[[Mapping[str, str]], Path]:
    """`plant({"README.md": text, …})`: writes a toy bundle and returns its root."""

    def write(files: Mapping[str, str]) -> Path:
        root = tmp_path / "bundle"
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        return root

    return write


@pytest.fixture
def build(
    run_script: Process, tmp_path: Path
) -> Callable[..., tuple[subprocess.CompletedProcess[str], Path]]:
    """`build(*args)`: builds a packet in tmp_path/out and returns (process, folder)."""

    def run(*args: str | Path, code: int = 0) -> tuple[subprocess.CompletedProcess[str], Path]:
        out = tmp_path / "out"
        done = run_script("build_packet.py", *map(str, args), "--output-dir", str(out))
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done, out

    return run


@pytest.fixture(scope="module")
def analyse(
    run_script: Process,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Path]:
    """`analyse(*args)`: all of stage 1 into a new folder; returns that folder."""

    def run(*args: str | Path) -> Path:
        folder = tmp_path_factory.mktemp("analysis")
        done = run_script("deep_error_analysis.py", *args, "--output", folder / "report.md")
        assert done.returncode == 0, done.stdout + done.stderr
        return folder

    return run


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list:
    """The figures that are drawn, in place of their files."""
    from failure_analysis import store

    made: list = []
    monkeypatch.setattr(store, "write_figure", lambda path, figure: made.append(figure))
    return made


@pytest.fixture
def code(run_inside: Process, tmp_path: Path
         ) -> Process:
    """`code(endpoint, input, *args, code=0)`: runs open_coder.py on an input as project p."""

    def run(endpoint: Endpoint | None, path: Path, *args: str | Path, code: int = 0
            ) -> subprocess.CompletedProcess[str]:
        where = ["--base-url", endpoint.url] if endpoint else []
        done = run_inside("open_coder.py", "--input", path, "--project", "p", *where, *args,
                          cwd=tmp_path, env=KEY)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture
def analyze(run_inside: Process, tmp_path: Path
            ) -> Callable[..., dict | str]:
    """`analyze(*args)`: runs the script with a cache of its own; returns its JSON summary, or the
    one line of its refusal."""

    def run(command: str, *args: str | Path, code: int = 0) -> dict | str:
        more = () if command in ("evals", "simulate") else (
            "--cache", tmp_path / "cache", "--jobs", 1)
        done = run_inside("analyze.py", command, *more, *args, "--json")
        assert done.returncode == code, done.stdout + done.stderr
        if code:
            assert done.stderr.count("\n") == 1, done.stderr
            return done.stderr
        return json.loads(done.stdout)

    return run
