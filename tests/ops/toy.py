"""Runs the real supervisor with toy parts: `python toy.py up-arguments`; the toys obey files in VAR_DIR."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from skinclinic.bootstrap import var_folder
from skinclinic.up import parts, prepared, supervisor
from skinclinic.up.part import Part

WEB = """
import http.server, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *a): pass
print("web starts", os.getpid(), flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""

# A worker with a child of its own that would outlive it, and that dies at once where a file tells it to.
WORKER = """
import os, pathlib, subprocess, sys, time
var = pathlib.Path(os.environ["VAR_DIR"])
if (var / "worker.fails").exists():
    print("the worker cannot find its model", flush=True); sys.exit(3)
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
(var / "child.pid").write_text(str(child.pid))
print("worker starts", flush=True)
pathlib.Path(os.environ["READY_FILE"]).write_text(str(os.getpid()))
time.sleep(600)
"""

BEAT = """
import os, pathlib, time
pathlib.Path(os.environ["READY_FILE"]).write_text(str(os.getpid()))
time.sleep(600)
"""

# A training worker that has soon done what it was wanted for.
TRAINER = """
import os, pathlib, time
var = pathlib.Path(os.environ["VAR_DIR"])
with (var / "trainer.starts").open("a") as starts:
    starts.write(os.environ.get("NO_BOOTSTRAP", "") + str(os.getpid()) + "\\n")
pathlib.Path(os.environ["READY_FILE"]).write_text(str(os.getpid()))
time.sleep(0.3)
"""


def _toy(made: Part, source: str, *arguments: str) -> Part:
    made.command = [sys.executable, "-S", "-c", source, *arguments]
    return made


def main() -> int:
    web, worker, beat, prepare = parts.web, parts.worker, parts.beat, parts.prepare
    trainer = parts.trainer
    parts.trainer = lambda var, env: _toy(trainer(var, env), TRAINER)
    parts.web = lambda var, env, host, port: _toy(web(var, env, host, port), WEB, str(port))
    parts.worker = lambda var, env: _toy(worker(var, env), WORKER)
    parts.beat = lambda var, env: _toy(beat(var, env), BEAT)
    parts.prepare = lambda var, env: _toy(prepare(var, env), os.environ.get("TOY_PREPARE", "print('prepared')"))
    prepared.is_current = lambda var: (var_folder() / "prepared").exists()
    return supervisor.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
