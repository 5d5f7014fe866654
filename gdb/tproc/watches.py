"""Memory that is watched: whoever accesses it is stopped there.

GDB's own watchpoints miss what other components write, or blame the wrong one.  Here the kernel sets debug
registers of every thread of the space (hits.py).  A thread that GDB traces gets a SIGTRAP behind
the instruction that did it, and GDB stops for that: a catchpoint, whose condition is ours, stands for the
watch.  Threads of others are not stopped: their accesses are told, and everybody who is attached stops.
So are those of children of vfork, which share the memory: GDB does not trace them, and the signal would kill them.
"""

import contextlib

import gdb

from . import attach, later
from .debugger import debugger, setting, told
from .hits import Failed, Hits
from .registry import layout

TRAP_PERF = 6
OF_GDB = (1, 2, 4)  # TRAP_BRKPT, TRAP_TRACE, TRAP_HWBKPT
SI_KERNEL = 0x80
BREAKPOINT = b"\xcc"
FUNCTION = "_tproc_watch"


def _signal_cause():
    """(si_code, si_perf_data) of the SIGTRAP that the selected thread got."""
    info = gdb.parse_and_eval("$_siginfo")
    words = info["_sifields"]["_pad"]
    low, high = (int(words[i]) & 0xffffffff for i in (2, 3))
    return int(info["si_code"]), high << 32 | low


def _is_programs_own(code):
    """A SIGTRAP that somebody sent, or an int3 of the program's."""
    if code != SI_KERNEL:
        return code not in OF_GDB
    before = gdb.selected_frame().pc() - 1
    return bytes(gdb.selected_inferior().read_memory(before, 1)) == BREAKPOINT


class Watch:
    """Memory that is watched, as a catchpoint of GDB's."""

    def __init__(self, number, text, address, length, kind, mode, condition):
        self.number = number  # ours, which the signal carries
        self.text = text
        self.address = address
        self.length = length
        self.kind = kind  # gdb.Type, or None
        self.mode = mode  # "w", "a" or "r"
        self.condition = condition
        self.count = 0
        self.told = False  # an access of somebody not attached, since all were set going
        self.trapped = set()  # processes whose threads stop by themselves
        self.blind = False  # to their children
        self.owner = debugger.registry().owner(address).component
        self.last = self.read()
        self.hits = Hits(debugger.directory().name, number, address, length, mode != "w",
                         self._on_hit, attach.start_thread)
        self.catchpoint = None

    def __str__(self):
        return f"watch of {self.text}"

    def read(self):
        """What is there; None when it cannot be read."""
        pairs = debugger.attached()
        if not pairs:
            return None
        try:
            return bytes(pairs[0][0].read_memory(self.address, self.length))
        except gdb.MemoryError:
            return None

    def show(self, data):
        if data is None:
            return "?"
        if self.kind is not None:
            return gdb.Value(data, self.kind).format_string()
        if self.length <= 8:
            return hex(int.from_bytes(data, "little"))
        return data.hex(" ")

    def verb(self, before, after):
        if self.mode == "w":
            return "wrote"
        return "accessed" if before == after or self.mode == "r" else "wrote"

    # ---- of those that are attached -------------------------------------------------------------

    def trap(self, component):
        """GDB traces it now."""
        if component.pid in self.trapped:
            return
        try:
            children = self.hits.order("trap", component.pid)
            self.trapped.add(component.pid)
        except Failed as error:
            attach.say(f"tproc: {self}: {component} stops a moment after an access ({error})")
            return
        if not children:
            self.tell_blind()

    def tell_blind(self):
        if not self.blind:
            attach.say(f"tproc: {self}: children of vfork are not seen while their parent is attached (all "
                       "debug registers are in use)")
        self.blind = True

    def spare(self):
        """Gives up the debug registers for children; whether there were any."""
        if self.blind or not self.trapped:
            return False
        for pid in self.trapped:
            with contextlib.suppress(Failed):  # it has ended
                self.hits.order("spare", pid)
        self.tell_blind()
        return True

    def untrap(self, component, alive):
        if component.pid not in self.trapped:
            return
        self.trapped.discard(component.pid)
        if alive:
            try:
                self.hits.order("untrap", component.pid)
            except Failed as error:
                attach.say(f"tproc: {self}: {error}")

    def hit(self):
        """The selected thread did it.  Whether it is to be shown to the user."""
        before, self.last = self.last, self.read()
        if self.mode == "r" and before != self.last:
            return False
        if self.condition and not gdb.parse_and_eval(self.condition):
            return False
        self.count += 1
        thread = gdb.selected_thread()
        self.tell(f"{debugger.component()}, thread {thread.num} (LWP {thread.ptid[1]}),", before,
                  self.last)
        return True

    def tell(self, who, before, after):
        whose = f" of {self.owner}" if self.owner else ""
        gdb.write(f"\n{who} {self.verb(before, after)} {self.text}{whose}\n")
        if before == after:
            gdb.write(f"Value = {self.show(after)}\n")
        else:
            gdb.write(f"Old value = {self.show(before)}\nNew value = {self.show(after)}\n")

    # ---- of the others ----------------------------------------------------------------------------

    def _on_hit(self, hit):
        """In another thread.  They may be many: one is told until all are set going again."""
        if not self.told and (hit["child"] or hit["threadproc"]["pid"] not in self.trapped):
            self.told = True
            later.post(lambda: watches.on_foreign_hit(self, hit))

    def tell_foreign(self, hit):
        """False when it is none that the user wants to see."""
        data = [None if hit[key] is None else self._bytes(hit[key]) for key in ("before", "after")]
        if self.mode == "r" and data[0] != data[1]:
            return False
        self.last = data[1]
        self.count += 1
        who = hit["threadproc"]
        name = f"{who['name']} ({who['id']})"
        self.tell(f"A child of {name}, process {hit['child']}," if hit["child"] else
                  f"{name}, which is not attached, LWP {hit['tid']},", *data)
        lines = [line for frame in hit["frames"] for line in self._lines(frame, hit)]
        for number, line in enumerate(lines):
            gdb.write(f"#{number:<3}{line}\n")
        return True

    def _bytes(self, text):
        if self.length <= 8:
            return int(text, 16).to_bytes(self.length, "little")
        return bytes.fromhex(text)

    @staticmethod
    def _lines(frame, hit):
        """A frame, and before it the functions that are inlined there."""
        symbol, source, owner = frame["symbol"], frame["source"], frame["threadproc"]
        name = symbol["name"] if symbol else "??"
        if owner and owner["id"] != hit["threadproc"]["id"]:
            name = f"[{owner['name']}] {name}"
        calls = [(inlined["function"], inlined["source"]) for inlined in frame["inlined"]]
        for function, place in calls + [(name, source)]:
            where = f"{place['file']}:{place['line']}" if place else frame["file"] or "??"
            yield f"{frame['pc']} in {function} at {where}"


class Watches:
    """The one instance is `watches`."""

    def __init__(self):
        self._known = {}  # our number -> Watch
        self._next = 1

    def __iter__(self):
        return iter(self._known.values())

    def add(self, text, address, length, kind, mode, condition):
        """Begins to watch, and tells how GDB calls it."""
        what = (self._next, text, address, length, kind, mode, condition)
        try:
            watch = self._begun(what)
        except Failed as error:
            raise gdb.GdbError(f"tproc: {error}") from error
        self._next += 1
        if watch.hits.notice:
            attach.say("tproc: components launched from now on are not watched: "
                       f"{watch.hits.notice}")
        for _, component in debugger.attached():
            watch.trap(component)
        if not self._known:
            self._begin()
        self._known[watch.number] = watch
        watch.catchpoint = self._catch(watch.number)
        return watch

    def _begun(self, what):
        try:
            return Watch(*what)
        except Failed:
            if not any([watch.spare() for watch in self]):
                raise
            return Watch(*what)

    @staticmethod
    def _catch(number):
        with setting("confirm", "off"):
            said = gdb.execute("catch signal SIGTRAP", to_string=True)
            catchpoint = int(said.split()[1])
            gdb.execute(f"condition {catchpoint} ${FUNCTION}({number})", to_string=True)
        return catchpoint

    def _begin(self):
        with setting("confirm", "off"):
            gdb.execute("handle SIGTRAP nostop noprint nopass", to_string=True)
        gdb.events.cont.connect(self._on_cont)
        gdb.events.breakpoint_deleted.connect(self._on_deleted)

    def _end(self):
        with setting("confirm", "off"):
            gdb.execute("handle SIGTRAP stop print nopass", to_string=True)
        gdb.events.cont.disconnect(self._on_cont)
        gdb.events.breakpoint_deleted.disconnect(self._on_deleted)

    def _on_cont(self, _event):
        for watch in self:
            watch.told = False

    def _on_deleted(self, breakpoint_):
        for watch in list(self):
            if watch.catchpoint == breakpoint_.number:
                self.remove(watch)

    def remove(self, watch):
        del self._known[watch.number]
        watch.hits.close()
        if not self._known:
            self._end()

    def close(self):
        """GDB ends."""
        known, self._known = self._known, {}
        for watch in known.values():
            watch.hits.close()

    # ---- what happens -----------------------------------------------------------------------------

    def on_attached(self, component):
        for watch in self:
            watch.trap(component)

    def on_left(self, component, alive):
        for watch in self:
            watch.untrap(component, alive)

    def concerns(self, number):
        """Whether the SIGTRAP that the selected thread got is to stop it."""
        watch = self._known.get(number)
        if not watch:
            return False
        code, cookie = _signal_cause()
        if code != TRAP_PERF or cookie & ~layout.TP_WATCH_NUMBER != layout.TP_WATCH_COOKIE:
            return number == min(self._known) and _is_programs_own(code)
        return cookie & layout.TP_WATCH_NUMBER == number and watch.hit()

    def on_foreign_hit(self, watch, hit):
        """Somebody who is not attached did it, and has gone on."""
        if watch.number not in self._known:
            return
        with told():
            shown = watch.tell_foreign(hit)
        if not shown:
            watch.told = False
        elif gdb.parameter("non-stop"):
            for inferior, _ in debugger.attached():
                attach.stop(inferior)
        elif attach.anybody_runs():
            attach.interrupt()


class Function(gdb.Function):
    """The condition of a "tproc watch"."""

    def __init__(self):
        super().__init__(FUNCTION)

    def invoke(self, number):
        with told():
            return watches.concerns(int(number))


watches = Watches()
Function()
