"""A pool on machines that are not like the developer's: other users, no /dev/shm, other threads, long paths."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pool_functions as work
import pytest

from actors import Pool

SCRIPT = """
import os
from actors import Pool
if __name__ == "__main__":
    with Pool(workers=1) as pool:
        print(os.getuid(), pool.call(os.getuid), os.statvfs("/dev/shm").f_blocks)
"""


def run_script(prefix: list[str], tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run SCRIPT behind *prefix*, by this interpreter with this ``sys.path``."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    tmp_path.chmod(0o755)
    script.chmod(0o644)
    return subprocess.run(
        [*prefix, sys.executable, "-P", str(script)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environment},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skip, visibly, where root's tools are not to be had."""
    lacking = [program for program in programs if shutil.which(program) is None]
    reason = f"needs root and {', '.join(programs)}"
    return pytest.mark.skipif(os.getuid() != 0 or bool(lacking), reason=reason)


def test_a_pool_needs_not_the_main_thread(no_leaks: None) -> None:
    """A service may start, use and close its pool in any thread."""
    found: list[int] = []

    def service() -> None:
        with Pool(workers=1) as pool:
            found.append(pool.call(work.pid))

    thread = threading.Thread(target=service)
    thread.start()
    thread.join(timeout=50)
    assert found


def test_worker_outlives_the_thread_that_started_it(no_leaks: None) -> None:
    """The end of a thread is not the end of the service: workers die with the process alone."""
    pool = Pool(workers=1)
    thread = threading.Thread(target=pool.start)
    thread.start()
    thread.join(timeout=50)
    try:
        assert pool.call(work.pid) == pool.call(work.pid)
    finally:
        pool.close()


@needs("setpriv")
def test_a_pool_runs_without_root(no_leaks: None, tmp_path: Path) -> None:
    """Nothing of it needs root; the capability only lets the other user read an interpreter in root's home."""
    other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    other += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    if subprocess.run([*other, "true"], capture_output=True, check=False).returncode:
        pytest.skip("setpriv may not change the user here")
    done = run_script(other, tmp_path, TMPDIR="/tmp", HOME="/")
    assert (done.stdout.split()[:2], done.stderr) == (["65534", "65534"], "")


@needs("unshare", "mount")
def test_a_pool_needs_no_shared_memory_file_system(no_leaks: None, tmp_path: Path) -> None:
    """A container's /dev/shm may be tiny; what is shared lies in a memfd, which knows no such limit."""
    tiny = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=4k tmpfs /dev/shm && exec "$@"', "sh"]
    if subprocess.run([*tiny, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespace may be made here")
    done = run_script(tiny, tmp_path)
    assert (done.stdout.split()[2:], done.stderr) == (["1"], "")


def test_a_long_tmpdir_and_no_runtime_directory(no_leaks: None, tmp_path: Path) -> None:
    """Where TMPDIR is too long for a socket's path, a short place is found."""
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    environment = {"TMPDIR": str(deep), "XDG_RUNTIME_DIR": ""}
    done = run_script([], tmp_path, **environment)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_service_name_may_be_anything(no_leaks: None) -> None:
    """A pool's name goes into names, titles and paths of the tree, and into no path of the disk."""
    with Pool(workers=1, name="naïve ☃ " + "n" * 200) as pool:
        assert pool.call(work.pid) > 0
