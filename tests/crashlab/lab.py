"""A space with components that live beside programs that crash, and what has to hold after each."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
from typing import NamedTuple

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

from space import BUILD, Space, TIMEOUT, fd_count  # noqa: E402

import ways  # noqa: E402

PROGRAMS = BUILD / "tests/crashlab"
MOST_LINES = 10  # of what has leaked
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


class Verdict(NamedTuple):
    """What came of a case."""

    name: str
    result: str
    details: tuple = ()


class Wrong(Exception):
    """Something is not as it has to be."""


class Neighbour:
    """A component that proves on request that it is unharmed (programs/neighbour.c)."""

    def __init__(self, space, name):
        self.name = name
        self.process = space.popen(PROGRAMS / "crashlab-neighbour", options=["-n", name],
                                   stderr=subprocess.DEVNULL)
        lines = list(iter(self.process.stdout.readline, "ready\n"))
        self.places = dict(line.split() for line in lines)

    def ask(self, question):
        """Sends a line; the answer is read by answer()."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(question + "\n")
            self.process.stdin.flush()

    def answer(self):
        """The next line it writes."""
        return self.process.stdout.readline().rstrip("\n")

    def expect(self, answer):
        """The next line has to be this."""
        if (found := self.answer()) != answer:
            raise Wrong(f"{self.name}: {found or 'gone'}, not {answer}")

    def end(self):
        """Its status."""
        self.process.stdin.close()
        status = self.process.wait(TIMEOUT)
        self.process.stdout.close()
        return status

    def kill(self):
        """For one that may wait for what never comes."""
        self.process.kill()
        self.end()


class Lab:
    """A space, with so many neighbours."""

    def __init__(self, neighbours, with_report):
        self.space = Space("lab")
        if not with_report:  # then nobody is to be busy with one when a case is over
            del self.space.env["XDG_STATE_HOME"]
            self.space.env.pop("HOME", None)
        self.with_report = with_report
        self.scratch = pathlib.Path(self.space.runtime) / "scratch"
        self.scratch.mkdir()
        self.server, self.agent = self.space.start()
        self.neighbours = [Neighbour(self.space, f"neighbour-{i}") for i in range(neighbours)]
        for _ in range(3):  # from then on they need no more memory
            self.ask()
            self.hear()
        self.settle()

    def close(self):
        """Ends everything."""
        for neighbour in self.neighbours:
            neighbour.kill()
        self.space.close()

    # ---- the neighbours -------------------------------------------------------------------

    def ask(self):
        """The neighbours begin to compute."""
        for neighbour in self.neighbours:
            neighbour.ask("check")

    def hear(self):
        """The neighbours are right."""
        for neighbour in self.neighbours:
            neighbour.expect("right")

    # ---- what may not change ----------------------------------------------------------------

    def state(self):
        """Mappings and descriptors, which are the same before and after."""
        maps = [str(m) for m in self.space.maps(self.agent) if m.name != "[stack]"]
        return maps, fd_count(self.server), fd_count(self.agent)

    def settle(self):
        """Nothing of ended programs is left."""
        live = len(self.neighbours)
        self.space.until(lambda: self.space.ping()[2] == live, "only neighbours live")
        self.space.until(lambda: not self.remains(), "ended ones have no memory", self.remains)

    def remains(self):
        """Mappings in the slots of those that have ended."""
        records = self.space.threadprocs()
        live = [tp for tp in records if tp["state"] in ("running", "stopped", "starting")]
        spans = [(int(s["lo"], 16), int(s["hi"], 16)) for tp in live for s in tp["slots"]]
        return [str(m) for m in self.space.maps(self.agent)
                if 0x101000000000 <= m.lo < 0x7e0000000000
                and not any(lo <= m.lo < hi for lo, hi in spans)]

    def check_registry(self):
        """It can be read, and nothing in it is wrong."""
        answer = self.space.inspect("list")
        bad = [tp["name"] for tp in answer["threadprocs"] if tp["problem"] or tp["unstable"]]
        if bad or not answer["consistent"] or not answer["agent_alive"]:
            raise Wrong(f"registry: consistent {answer['consistent']}, problems of {bad}")

    def check_same(self, before):
        """Nothing has leaked."""
        with contextlib.suppress(AssertionError):
            self.space.until(lambda: self.state() == before, "")
        after = self.state()
        if after == before:
            return
        lines = [f"- {m}" for m in before[0] if m not in after[0]]
        lines += [f"+ {m}" for m in after[0] if m not in before[0]]
        raise Wrong(f"leaked: descriptors of server and agent {before[1:]} -> {after[1:]}; "
                    + "; ".join(lines[:MOST_LINES]))

    # ---- a case -----------------------------------------------------------------------------

    @contextlib.contextmanager
    def others(self, case):
        """Those whose memory a case is about; their addresses, and the partner."""
        places = {"programs": PROGRAMS, "scratch": self.scratch}
        partner = None
        if case.needs_gone:
            gone = Neighbour(self.space, "gone")
            places.update({f"gone.{name}": at for name, at in gone.places.items()})
            if gone.end():
                raise Wrong("gone did not end well")
            self.settle()  # before that its memory is still there
        if case.needs_partner:
            partner = Neighbour(self.space, "partner")
            slot = self.space.threadprocs("running")[-1]["slots"][0]
            places.update(partner.places, edge=f"{int(slot['lo'], 16) + 8:x}",
                          end=f"{int(slot['hi'], 16) - 8:x}")
            self.space.until_loaded("partner")
        try:
            yield places, partner
        finally:
            if partner:
                partner.kill()

    def options(self, case):
        """Of tprun."""
        return ["-n", case.name, *case.options, *(["--report"] if self.with_report else [])]

    def run(self, case, places):
        """Runs it in the space; its status and output."""
        if case.how.startswith("!"):
            name, *words = case.how[1:].split()
            return getattr(ways, name)(self, case, *words)
        done = self.space.run(*case.argv(places), options=self.options(case), cwd=self.scratch)
        return done.returncode, done.stdout

    def run_natively(self, case, places):
        """Runs it outside; its status and output."""
        done = subprocess.run(list(map(str, case.argv(places))), check=False, text=True,
                              timeout=TIMEOUT, cwd=self.scratch, env=self.space.env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)
        return done.returncode, done.stdout

    def check_status(self, case, places, status, output):
        """As the table has it, and as outside."""
        if status != case.ends.status:
            raise Wrong(f"ended with {status}, not {case.ends.status}")
        if case.how.startswith("!") or "{gone" in case.how or case.needs_partner or \
           case.ends.native is None:
            return
        native = self.run_natively(case, places)
        expected = (case.ends.native, output)
        if native != expected:
            raise Wrong(f"natively {native}, expected {expected}")

    def attempt(self, case):
        """All of it; raises Wrong."""
        before = self.state()
        with self.others(case) as (places, partner):
            self.ask()
            status, output = self.run(case, places)
            self.hear()
            self.check_status(case, places, status, output)
            check_record(case, self.record(case))
            self.check_words(case)
            if partner:
                if case.lock:
                    partner.ask(case.lock)
                    partner.expect(case.outcome)
                partner.ask("check")
                partner.expect("right")
        self.ask()
        self.hear()
        self.settle()
        self.check_registry()
        self.check_same(before)

    def record(self, case):
        """The crash on record; None when there is none."""
        records = [c for c in self.space.inspect("crash")["crashes"]
                   if c["threadproc"]["name"] == case.name]
        return records[-1] if records else None

    def check_words(self, case):
        """What the report said, which was kept."""
        if not self.with_report or not case.words:
            return
        kept = self.space.inspect("crash --list")["kept"]
        if not kept:
            raise Wrong("no report was kept")
        report = json.loads(pathlib.Path(kept[0]["file"]).read_text(encoding="utf-8"))
        if report["threadproc"]["name"] != case.name:
            raise Wrong(f"no report, the last is of {report['threadproc']['name']}")
        if not re.search(case.words, report["what"]):
            raise Wrong(f"told as: {report['what']}")

    def judge(self, case):
        """The verdict on a case."""
        try:
            self.attempt(case)
        except ways.Skip as reason:
            return Verdict(case.name, SKIPPED, (str(reason),))
        except Exception as error:  # pylint: disable=broad-except
            log = self.space.log().splitlines()[-4:]
            text = str(error) if isinstance(error, (Wrong, AssertionError)) else repr(error)
            return Verdict(case.name, FAILED, (text, *(f"log: {line}" for line in log)))
        return Verdict(case.name, PASSED)


# ---- the record -------------------------------------------------------------------------------

def symbols(place):
    """Names of the symbols at an address."""
    return [i["name"] for i in place["identities"] if i["kind"] == "symbol"]


def check_address(case, address):
    """The fault address, or whose it is."""
    if case.address == "*":
        return
    if address is None or case.address == "-":
        if address is not None or case.address != "-":
            raise Wrong(f"fault address: {address and address['address']}, not {case.address}")
        return
    if case.address.startswith("0x"):
        if address["address"] != case.address:
            raise Wrong(f"fault address: {address['address']}, not {case.address}")
        return
    owner, _, place = case.address.partition("/")
    found = address["threadproc"] and address["threadproc"]["name"]
    if found != (case.name if owner == "self" else owner) or place not in ("", address["place"]):
        raise Wrong(f"fault address: {address['address']} of {found}, {address['place']}")


def check_record(case, record):
    """What is on record is what happened."""
    complete = record is not None and record.get("complete", False)
    if case.ends.record == "unrecorded":
        if complete:
            raise Wrong(f"on record: {record['signal']} at {record['pc']['address']}")
        return
    if record is None or "complete" not in record:
        raise Wrong("nothing on record")
    if case.ends.record == "untold":
        return
    if case.ends.record == "half":
        if complete:
            raise Wrong("complete, but should be half a record")
        return
    if not complete:
        raise Wrong("half a record")
    if -record["number"] != case.ends.status:
        raise Wrong(f"on record: {signal.Signals(record['number']).name}")
    check_function(case, symbols(record["pc"]))
    check_address(case, record["address"])


def check_function(case, found):
    """Where it happened."""
    if case.function != "*" and found != ([] if case.function == "-" else [case.function]):
        raise Wrong(f"in {found}, not {case.function}")


def forget_cores():
    """Programs are to crash here, and nobody is to keep that."""
    import resource  # pylint: disable=import-outside-toplevel
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    os.environ["LIBC_FATAL_STDERR_"] = "1"
