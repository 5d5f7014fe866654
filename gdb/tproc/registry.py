"""The registry of a space: bytes to objects.  Never imports gdb.

Offsets come from the compiler by way of layout.py, which the build generates.  What is read may be in
the middle of a change (the sequence counters tell) or be damaged (a core file): every
number is checked before it is used, and a record that makes no sense is left out.
"""

import os
import struct
from typing import NamedTuple, Optional

from . import layout

MAX_TEXT = 1 << 16
MAX_LIST = 1 << 16
READS = 100
KINDS = {value: name[len("TP_MODULE_"):].lower()
         for value, name in layout.ENUMS["tp_module_kind"].items()}
STATES = {value: name[len("TP_STATE_"):].lower()
          for value, name in layout.ENUMS["tp_state"].items()}
FD_KINDS = {value: name[len("TP_FD_"):].lower()
            for value, name in layout.ENUMS["tp_fd_kind"].items()}
LIVING = ("starting", "running", "stopped")


class Damaged(Exception):
    """What was read is no registry, or not one of this version."""


def printable(data):
    """Bytes from somebody else as text that is fit for a terminal."""
    text = data.split(b"\0")[0].decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class Struct:
    """Fields of one structure of tproc/abi.h, decoded when they are asked for."""

    def __init__(self, name, data, base=0):
        self._fields = layout.STRUCTS[name][1]
        self._data = data
        self._base = base

    def __getattr__(self, field):
        try:
            offset, code, count = self._fields[field]
        except KeyError:
            raise AttributeError(field) from None
        at = self._base + offset
        if code == "s":
            return bytes(self._data[at:at + count])
        if code not in layout.STRUCTS:
            values = struct.unpack_from(f"={max(count, 1)}{code}", self._data, at)
            return values if count else values[0]
        size = layout.STRUCTS[code][0]
        if not count:
            return Struct(code, self._data, at)
        return [Struct(code, self._data, at + i * size) for i in range(count)]


class FileSource:
    """The registry as the server publishes it: a file."""

    def __init__(self, path):
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def __del__(self):
        if getattr(self, "_fd", -1) >= 0:
            os.close(self._fd)

    def read(self, offset, length):
        data = os.pread(self._fd, length, offset)
        if len(data) != length:
            raise Damaged(f"the registry ends at {offset + len(data):#x}")
        return data


class MemorySource:
    """The registry as it is mapped in a space, or in a core of it."""

    def __init__(self, read_memory):
        self._read_memory = read_memory

    def read(self, offset, length):
        return bytes(self._read_memory(layout.TP_REGISTRY_ADDR + offset, length))


class Module(NamedTuple):
    """A file that is mapped in a component."""

    kind: str  # program, interp, library, vdso
    bias: int
    path: str  # where the file is, as far as that is known
    lo: int  # 0, 0: unknown
    hi: int
    text_lo: int
    text_hi: int
    build_id: str


class Fd(NamedTuple):
    """A descriptor that a component was launched with."""

    launcher_fd: int
    fd: int
    kind: str
    flags: int
    target: str


class Owner(NamedTuple):
    """Whose an address is."""

    component: Optional["Component"]
    what: str  # live, ended, toolkit, kernel, or "" when nobody knows


class Component:
    """A program in the space, or one that was there, as its record said when it was read."""

    def __init__(self, registry, index, record):
        self.registry = registry
        self.index = index
        self.record = record
        self.id = record.id
        self.generation = record.generation
        self.pid = record.pid
        self.state = STATES.get(record.state, "?")
        self.name = printable(record.name)
        self.exe = registry.text(record.exe)
        self.main_stack = (record.stack_lo, record.stack_hi)
        self._modules = None

    def __str__(self):
        return f"{self.name} ({self.id})"

    @property
    def lives(self):
        return self.state in LIVING

    @property
    def flags_address(self):
        """Where its flags lie in the space."""
        return (layout.TP_REGISTRY_ADDR + self.registry.offset("threadprocs", self.index)
                + layout.STRUCTS["tp_threadproc"][1]["flags"][0])

    @property
    def first_instruction(self):
        """The dynamic linker's, or the program's own without one."""
        return self.record.interp_entry or self.record.entry

    @property
    def argv(self):
        data = self.registry.heap(self.record.argv, MAX_TEXT)
        return [printable(word) for word in data.split(b"\0")[:-1]]

    @property
    def runs(self):
        """The address ranges of its slot."""
        count = min(self.record.run_count, layout.TP_RUNS)
        shift = layout.TP_GRANULE_SHIFT
        return [(run.first << shift, (run.first + run.count) << shift)
                for run in self.record.runs[:count]]

    def modules(self):
        """What is mapped in it, the program first."""
        if self._modules is None:
            self._modules = self._read_modules()
        return self._modules

    def _read_modules(self):
        found = []
        for module in self.registry.array(self.record.modules, "tp_module"):
            path = self.registry.text(module.path)
            image = self.registry.image(module.image)
            lo = hi = text_lo = text_hi = 0
            build_id = ""
            if image:
                path = self.registry.text(image.path) or path
                lo, hi = module.bias + image.vaddr_lo, module.bias + image.vaddr_hi
                text_lo, text_hi = module.bias + image.text_lo, module.bias + image.text_hi
                build_id = bytes(image.build_id[:min(image.build_id_len, 32)]).hex()
            found.append(Module(KINDS.get(module.kind, "?"), module.bias, path, lo, hi, text_lo,
                                text_hi, build_id))
        return found

    def module_at(self, address):
        return next((m for m in self.modules() if m.lo <= address < m.hi), None)

    def fds(self):
        return [Fd(fd.launcher_fd, fd.fd, FD_KINDS.get(fd.kind, "?"), fd.flags,
                   self.registry.text(fd.target))
                for fd in self.registry.array(self.record.fds, "tp_fd")]

    def exit_text(self):
        """How it ended, in words; empty while it lives."""
        if self.state not in ("exited", "crashed"):
            return ""
        if self.record.exit_code == os.CLD_EXITED:
            return f"exit status {self.record.exit_status}"
        return f"signal {self.record.exit_status}"


class Registry:
    """One look at the registry of a space.  Look again (a new object) for what is new."""

    def __init__(self, source):
        self._source = source
        data = source.read(0, layout.TP_REGISTRY_HEADER_SIZE)
        self.header = header = Struct("tp_registry", data)
        if header.magic != layout.TP_ABI_MAGIC:
            raise Damaged("no registry of a tproc space")
        if header.abi_version != layout.TP_ABI_VERSION:
            raise Damaged(f"a registry of version {header.abi_version}; "
                          f"this is version {layout.TP_ABI_VERSION}")
        self._tables = {}
        for name, element in (("granules", "tp_granule"), ("threadprocs", "tp_threadproc"),
                              ("images", "tp_image"), ("fixed", "tp_fixed"),
                              ("names", "tp_name"), ("heap", None)):
            self._tables[name] = self._table(name, element)
        self.space = printable(header.space)
        self.server_pid = header.server_pid
        self.agent_pid = header.agent_pid
        self._granules = None
        self._owners = {}  # granule -> Owner
        self._halves = {}  # id of a component -> what upper_halves() says
        self._fixed = None
        self._images = {}
        self._components = None
        self._living = None

    def _table(self, name, element):
        table = getattr(self.header, name)
        size = layout.STRUCTS[element][0] if element else 1
        if table.size != size or table.off + table.size * table.count > layout.TP_REGISTRY_SIZE:
            raise Damaged(f"the registry's table of {name} lies outside of it")
        return table

    def offset(self, table, index):
        """Where an element of a table is, from the registry's start."""
        return self._tables[table].off + index * self._tables[table].size

    def heap(self, ref, most):
        """Bytes that a record refers to; nothing when they lie outside, or are too many."""
        heap = self._tables["heap"]
        if ref.off + ref.len > heap.count or ref.len > most:
            return b""
        return self._source.read(heap.off + ref.off, ref.len)

    def text(self, ref):
        return printable(self.heap(ref, MAX_TEXT))

    def array(self, ref, name):
        size = layout.STRUCTS[name][0]
        data = self.heap(ref, MAX_LIST * size)
        return [Struct(name, data, at) for at in range(0, len(data) - size + 1, size)]

    def _record(self, table, name, index):
        """A record that nobody was writing while it was read, or None."""
        size = layout.STRUCTS[name][0]
        for _ in range(READS):
            record = Struct(name, self._source.read(self._tables[table].off + index * size, size))
            if not record.seq & 1:
                return record
        return None

    def image(self, index):
        if not 0 < index < self._tables["images"].count:
            return None
        if index not in self._images:
            self._images[index] = self._record("images", "tp_image", index)
        return self._images[index]

    def components(self):
        """All that have a record, in the order of their launches."""
        if self._components is None:
            high = min(self.header.threadproc_high, self._tables["threadprocs"].count)
            found = []
            for index in range(1, high):
                record = self._record("threadprocs", "tp_threadproc", index)
                if record and record.state:
                    found.append(Component(self, index, record))
            self._components = sorted(found, key=lambda component: component.id)
        return self._components

    def suspects(self):
        """Named objects that somebody may have left half changed: (name, owner, who died)."""
        found = []
        for index in range(1, min(self.header.name_high, self._tables["names"].count)):
            record = self._record("names", "tp_name", index)
            if record and record.live and record.suspect_ns:
                died = next((c for c in self.components() if c.id == record.suspect_id), None)
                found.append((printable(record.name),
                              self._by_index(record.owner, record.owner_generation), died))
        return found

    def living(self):
        if self._living is None:
            self._living = [component for component in self.components() if component.lives]
        return self._living

    def find(self, name, living=True):
        """Components of that name or id; with living, only those that live."""
        return [component for component in self.components()
                if name in (component.name, str(component.id)) and (component.lives or not living)]

    def by_pid(self, pid):
        return next((c for c in self.components() if c.pid == pid and c.lives), None)

    def _by_index(self, index, generation):
        return next((c for c in self.components()
                     if c.index == index and c.generation == generation), None)

    def _fixed_ranges(self):
        """[(lo, hi, whose)] of images that cannot be anywhere else."""
        if self._fixed is None:
            table = self._tables["fixed"]
            data = self._source.read(table.off, table.size * table.count)
            entries = [Struct("tp_fixed", data, at) for at in range(0, len(data), table.size)]
            self._fixed = [(entry.lo, entry.hi, self._by_index(entry.owner, entry.generation))
                           for entry in entries if entry.lo != entry.hi]
        return self._fixed

    def _fixed_owner(self, address):
        return next((who for lo, hi, who in self._fixed_ranges() if lo <= address < hi), None)

    def upper_halves(self, mine):
        """Upper halves of all addresses that belong to other components, and of some that do not."""
        if mine.id not in self._halves:
            ranges = [(lo, hi) for who in self.components() if who.id != mine.id
                      for lo, hi in who.runs]
            ranges += [(lo, hi) for lo, hi, who in self._fixed_ranges()
                       if who and who.id != mine.id]
            end = layout.TP_GRANULES << layout.TP_GRANULE_SHIFT
            self._halves[mine.id] = frozenset(
                half for lo, hi in ranges for half in range(lo >> 32, (min(hi, end) - 1 >> 32) + 1))
        return self._halves[mine.id]

    def _granule_owner(self, index):
        if self._granules is None:
            table = self._tables["granules"]
            self._granules = self._source.read(table.off, table.size * table.count)
        granule = Struct("tp_granule", self._granules, index * layout.STRUCTS["tp_granule"][0])
        if granule.state == layout.TP_GRANULE_FREE:
            return Owner(None, "kernel" if index >= layout.TP_LAST_GRANULE else "")
        component = self._by_index(granule.owner, granule.generation)
        return Owner(component, "live" if granule.state == layout.TP_GRANULE_LIVE else "ended")

    def owner(self, address):
        """Whose an address is."""
        if layout.TP_RESERVED_LO <= address < layout.TP_RESERVED_HI:
            return Owner(None, "toolkit")
        component = self._fixed_owner(address)
        if component:
            return Owner(component, "live")
        index = address >> layout.TP_GRANULE_SHIFT
        if not 0 <= index < self._tables["granules"].count:
            return Owner(None, "")
        if index not in self._owners:
            self._owners[index] = self._granule_owner(index)
        return self._owners[index]
