"""Figures about symbols for tools/bench: many addresses at once, and the first answer."""

import json
import os
import random
import re
import shutil
import subprocess
import time

ADDRESSES = 1_000_000
THEIR_ADDRESSES = 20_000
COMPONENTS = 100
ALLOWED_MS = 300


class Scene:
    """Programs with some libraries in the space of a bench, which wait until they are ended."""

    PROGRAMS = (("python3", "-c", "import json, re, sqlite3, ssl, sys\nprint(flush=True)\nsys.stdin.read()"),
                ("perl", "-e", "$| = 1; print qq(\\n); <STDIN>"))

    def __init__(self, bench):
        self.bench = bench
        self.processes = []

    def __enter__(self):
        example = str(self.bench.build / "examples/allocstr")
        for argv in (*self.PROGRAMS, (example,)):
            path = shutil.which(argv[0])
            if path:
                self.start(path, *argv[1:])
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.communicate()

    def start(self, *argv):
        """Starts a program and waits for its first line."""
        process = subprocess.Popen([self.bench.tprun, *argv], env=self.bench.env, text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process.stdout.readline()
        self.processes.append(process)

    def ask(self, line):
        """The JSON answer of tpinspect."""
        return json.loads(self.bench.run([str(self.bench.build / "inspect/tpinspect"), "--json",
                                          "-c", line]))

    def modules(self):
        """Those with a file, of programs that run."""
        running = [tp["id"] for tp in self.ask("list")["threadprocs"] if tp["state"] == "running"]
        return [m for m in self.ask("modules")["modules"] if m["id"] in running and m["build_id"]]


def timed(bench, argv, text):
    """Nanoseconds that a command takes to answer."""
    source = os.path.join(bench.runtime, "input")
    with open(source, "w", encoding="ascii") as file:
        file.write(text)
    with open(source, encoding="ascii") as file:
        begin = time.monotonic_ns()
        status = subprocess.run(argv, env=bench.env, stdin=file, check=False,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        spent = time.monotonic_ns() - begin
    if status.returncode not in (0, 1):
        raise RuntimeError(f"{argv[0]} failed")
    return spent


def picks(modules, count):
    """Addresses in modules, each of which is as likely: (module, address)."""
    chosen = random.Random(1)
    spans = [(m, int(m["lo"], 16), int(m["hi"], 16)) for m in modules]
    for _ in range(count):
        module, lo, hi = chosen.choice(spans)
        yield module, chosen.randrange(lo, hi)


def by_elfutils(bench, questions):
    """What a thousand addresses more cost eu-addr2line -S, of each file in turn."""
    by_file = {}
    for module, address in questions:
        by_file.setdefault(module["file"], []).append(address - int(module["bias"], 16))
    spent = 0
    for file, addresses in by_file.items():
        lines = [f"0x{address:x}\n" for address in addresses]
        argv = ["eu-addr2line", "-S", "-e", file]
        spent += timed(bench, argv, "".join(lines)) - timed(bench, argv, lines[0])
    return spent


def by_llvm(bench, questions):
    """The same for llvm-symbolizer, which is told the file with each address."""
    lines = [f"{module['file']} 0x{address - int(module['bias'], 16):x}\n"
             for module, address in questions]
    files = {line.split()[0]: line for line in lines}
    argv = ["llvm-symbolizer", "--functions=linkage", "--inlining=false"]
    return timed(bench, argv, "".join(lines)) - timed(bench, argv, "".join(files.values()))


def stream(bench, tool, theirs):
    """(theirs, ours): nanoseconds an address, theirs without start-up, ours with it."""
    if not shutil.which(tool):
        raise RuntimeError(f"{tool} is not installed")
    argv = [str(bench.build / "inspect/tpinspect"), "-c", "owner -"]
    with Scene(bench) as scene:
        modules = scene.modules()
        questions = list(picks(modules, ADDRESSES))
        text = "".join(f"0x{address:x}\n" for _, address in questions)
        timed(bench, argv, text)  # symbols are kept from now on
        ours = [timed(bench, argv, text) / ADDRESSES for _ in range(bench.rounds)]
        other = [theirs(bench, questions[:THEIR_ADDRESSES]) / THEIR_ADDRESSES for _ in range(3)]
    return other, ours


def owner_elfutils(bench):
    """A million addresses in modules, against eu-addr2line."""
    return stream(bench, "eu-addr2line", by_elfutils)


def owner_llvm(bench):
    """The same against llvm-symbolizer."""
    return stream(bench, "llvm-symbolizer", by_llvm)


def high_water(bench, command):
    """KiB of memory that tpinspect has taken when it has answered."""
    with subprocess.Popen([str(bench.build / "inspect/tpinspect")], env=bench.env, text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(f"{command}\nowner -\n0\n")
        process.stdin.flush()
        while not process.stdout.readline().startswith("0x0\t"):
            pass
        with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmHWM:\s+(\d+)", status.read())[1])


def first_answer(bench):
    """(ns of each, KiB of memory): tpinspect from start to end, nothing kept yet."""
    spent = []
    with Scene(bench) as scene:
        for _ in range(COMPONENTS - len(scene.processes)):
            scene.start(str(bench.build / "examples/allocstr"))
        found = scene.ask("sym malloc")["symbols"]
        command = f"owner {found[len(found) // 2]['address']}+4"
        for _ in range(bench.rounds):
            shutil.rmtree(bench.env["XDG_CACHE_HOME"], ignore_errors=True)
            begin = time.monotonic_ns()
            answer = bench.run([str(bench.build / "inspect/tpinspect"), "-c", command])
            spent.append(time.monotonic_ns() - begin)
            if not re.search(r"symbol +\S*malloc\+0x4", answer):
                raise RuntimeError("tpinspect found no malloc")
        shutil.rmtree(bench.env["XDG_CACHE_HOME"], ignore_errors=True)
        return spent, high_water(bench, command)
