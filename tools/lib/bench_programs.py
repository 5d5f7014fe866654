"""Large programs, natively and in a space: a build of this project by make, and redis.

Each function returns (native, space): samples in nanoseconds, taken in turns.
"""

import contextlib
import pathlib
import shutil
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
REQUESTS = 1000000
MAKEFILE = """\
OBJECTS = $(patsubst %.c,%.o,$(notdir $(SOURCES)))
VPATH = $(sort $(dir $(SOURCES)))
all: $(OBJECTS)
%.o: %.c
\t@gcc -std=gnu17 -D_GNU_SOURCE -O2 -g -w -I$(ROOT) -I$(ROOT)/include $(FLAGS) -c -o $@ $<
"""
# What the build gives them by command line, besides where headers are.
DEFINES = ("-DTPROC_BINDIR='\"/usr/bin\"' -DTPROC_LIBEXECDIR='\"/usr/libexec\"'"
           " -DTPROC_VERSION='\"0\"'")


def _sources():
    """The server's and the client's C files, and what they share: no two of one name."""
    found = {}
    for part in ("lib/base", "loader/client", "loader/server"):
        for path in sorted((ROOT / part).glob("*.c")):
            found.setdefault(path.name, path)
    return [str(path) for path in found.values()]


def _flags():
    """Where the headers of libraries are, and the definitions."""
    return subprocess.run(["pkg-config", "--cflags", "smartcols", "jansson", "libelf"], check=True,
                          text=True, stdout=subprocess.PIPE).stdout.strip() + " " + DEFINES


def _make(prefix, env, directory):
    """Nanoseconds of one build in an empty directory."""
    flags = _flags()
    directory.mkdir()
    (directory / "Makefile").write_text(MAKEFILE, encoding="ascii")
    begin = time.monotonic_ns()
    subprocess.run([*prefix, "make", "-s", "-j2", f"ROOT={ROOT}", f"FLAGS={flags}",
                    "SOURCES=" + " ".join(_sources())], cwd=directory, env=env, check=True)
    took = time.monotonic_ns() - begin
    shutil.rmtree(directory)
    return took


def make(tprun, env, rounds):
    """`make -j2` of the server and the client of this project."""
    native, space = [], []
    with tempfile.TemporaryDirectory(prefix="tproc-make-") as scratch:
        for _ in range(rounds):
            native.append(_make([], env, pathlib.Path(scratch, "build")))
            space.append(_make([tprun], env, pathlib.Path(scratch, "build")))
    return native, space


@contextlib.contextmanager
def _redis(prefix, env, scratch):
    """A server; its socket."""
    path = pathlib.Path(scratch, "redis.sock")
    with subprocess.Popen([*prefix, "redis-server", "--port", "0", "--unixsocket", str(path),
                           "--save", "", "--dir", scratch], env=env, text=True,
                          stdout=subprocess.PIPE) as server:
        for line in server.stdout:
            if "ready to accept connections" in line.lower():
                break
        try:
            yield str(path)
        finally:
            server.terminate()
            server.stdout.read()


def _requests(path):
    """Nanoseconds for each request, of redis-benchmark's own sum: SET, then GET."""
    done = subprocess.run(["redis-benchmark", "-s", path, "-t", "set,get", "-n", str(REQUESTS),
                           "-P", "16", "-c", "20", "--csv"], check=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    rates = [float(line.split(",")[1].strip('"')) for line in done.stdout.splitlines()[1:]]
    return sum(1e9 / rate for rate in rates) / len(rates)


def redis(tprun, env, rounds):
    """redis-benchmark's throughput, the other way round: time for each request."""
    native, space = [], []
    with tempfile.TemporaryDirectory(prefix="tproc-redis-") as scratch:
        for _ in range(rounds):
            with _redis([], env, scratch) as path:
                native.append(_requests(path))
            with _redis([tprun], env, scratch) as path:
                space.append(_requests(path))
    return native, space
