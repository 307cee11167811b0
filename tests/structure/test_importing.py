"""Importing a module of ours opens no file and no socket, starts nothing and makes no engine."""

import subprocess
import sys

from tests.structure.house import ROOT, name, sources

_PROGRAM = """
import importlib, sys
sys.path.insert(0, {root!r})
import sqlalchemy
seen = []
def no_engine(*a, **k):
    raise AssertionError("an engine was made at import")
sqlalchemy.create_engine = no_engine
QUIET = ("socket.connect", "socket.bind", "subprocess.Popen", "os.mkdir", "os.remove", "os.rename", "os.fork")
current = [""]
def ours():
    frame = sys._getframe(2)
    while frame is not None:
        path = frame.f_code.co_filename
        if "site-packages" in path:
            return False  # a library's own doing
        if path.startswith({root!r}):
            return True
        frame = frame.f_back
    return False
def hook(event, arguments):
    if event in QUIET and ours():
        seen.append((current[0], event))
    elif event == "open":
        path, mode = str(arguments[0]), str(arguments[1] or "r")
        code = path.endswith((".py", ".pyc", ".so")) or "__pycache__" in path
        if path.startswith({root!r}) and "/.venv/" not in path and not code:
            seen.append((current[0], event, path, mode))
sys.addaudithook(hook)
for module in {modules!r}:
    current[0] = module
    importlib.import_module(module)
print(seen)
"""


def _modules():
    found = []
    for path in sources():
        module = name(path).removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        if not module.startswith("dags.") and not module.endswith(".__main__") and ".migrations" not in module:
            found.append(module)
    return found


def test_importing_opens_nothing():
    """All modules are imported in one fresh process under an audit hook, which sees no file of ours and no socket."""
    modules = _modules()
    assert len(modules) > 100
    program = _PROGRAM.format(root=str(ROOT), modules=modules)
    # Bytecode is not written, so that the hook sees the same on a fresh clone.
    command = [sys.executable, "-B", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip().splitlines()[-1] == "[]"
