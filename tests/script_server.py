"""Runs scripts for the tests, each in a process of its own that is forked from this one, where the
packages and our modules are loaded already: most of a short script's time is their import. A script
of another copy of the bundle loads the modules that stand beside it.

Reads one JSON array per line, [command, folder, environment, stdout file, stderr file], and answers
with the exit code. What the interpreter does at its start is not repeated: whoever tests that
(which packages a script loads, PYTHON… in the environment) starts a real one."""

import atexit
import gc
import importlib
import json
import os
import runpy
import sys
import threading
import time
import traceback
from pathlib import Path

LOADED = ("numpy", "numpy.random", "scipy.special", "scipy.stats", "matplotlib.figure",
          "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg", "msgspec", "yaml",
          "jinja2", "filelock", "tqdm", "pydantic", "zstandard")


SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


def main() -> None:
    """Serves until the input ends."""
    sys.path[0] = str(SCRIPTS)
    ours = [".".join(path.relative_to(SCRIPTS).with_suffix("").parts)
            for path in sorted(SCRIPTS.glob("failure_analysis/**/*.py")) if path.stem != "tables"]
    for name in (*LOADED, *(name.removesuffix(".__init__") for name in ours)):
        importlib.import_module(name)
    gc.freeze()  # what is loaded is not looked through, nor copied, by every child
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        child = os.fork()
        if not child:
            leave(run(*json.loads(line)))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), file=answers, flush=True)


def run(command: list[str], folder: str, env: dict[str, str], out: str, err: str) -> object:
    """Becomes the script; returns what it exits with."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(out, os.O_WRONLY), 1)
    os.dup2(os.open(err, os.O_WRONLY), 2)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.argv, sys.path[0] = command, os.path.dirname(command[0])
    if not SCRIPTS.samefile(sys.path[0]):
        for name in [name for name in sys.modules if name.startswith("failure_analysis")]:
            del sys.modules[name]
    try:
        runpy.run_path(command[0], run_name="__main__")
    except SystemExit as end:
        return end.code
    except BaseException:
        traceback.print_exc()
        return 1


def leave(code: object) -> None:
    """Ends this process as the interpreter does, but for taking the loaded packages apart."""
    threading._shutdown()
    atexit._run_exitfuncs()
    if isinstance(code, str):
        print(code, file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else code is not None)


if __name__ == "__main__":
    main()
