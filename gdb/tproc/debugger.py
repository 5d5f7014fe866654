"""What this GDB knows of the space, and which of its inferiors is which component."""

import contextlib
import os
import re
import time

import gdb

from . import lease, registry, space

RECENT = 0.2  # seconds

WRONG = (registry.Damaged, space.NoSpace, lease.Refused)


@contextlib.contextmanager
def told():
    """Our own errors become GDB's."""
    try:
        yield
    except WRONG as error:
        raise gdb.GdbError(f"tproc: {error}") from error
    except (OSError, gdb.MemoryError) as error:
        raise gdb.GdbError(f"tproc: {error}") from error


def is_core(inferior):
    connection = inferior.connection
    return connection is not None and connection.type == "core"


class Parameter(gdb.Parameter):
    """A setting below "set tproc"."""

    def __init__(self, name, kind, value, doc, choices=()):
        self.set_doc, _, rest = doc.partition("\n")
        self.show_doc = self.set_doc.replace("Set ", "Show ", 1)
        self.__doc__ = rest.strip() or doc
        arguments = (choices,) if choices else ()
        super().__init__(f"tproc {name}", gdb.COMMAND_DATA, kind, *arguments)
        self.value = value

    def get_set_string(self):
        return ""

    def get_show_string(self, value):
        return f"{self.show_doc.rstrip('.').replace('Show ', '', 1)}: {value or '(not set)'}"


class Debugger:
    """The one instance is `debugger`."""

    def __init__(self):
        self.space_name = None  # of "set tproc space"; a Parameter once everything is loaded
        self._seen = None  # what the memory of the latest one called it
        self._session = None
        self._directory = None
        self._recent = (-RECENT, 0, None)  # when it was made, for which core, and the Registry
        self.components = {}  # inferior number -> Component that it is attached to
        self.cores = {}  # inferior number -> Component whose core it looks at
        self.when_gone = []  # functions that are called with each Component that GDB leaves
        self.kept = set()  # ids of components that the session holds (freeze.py)
        self.former = {}  # inferior number -> (name, program) of the last one
        self.executed = {}  # pid -> Component that went on as another program
        self.seen_leaving = set()  # ids of those whose end, or exec, GDB has told

    # ---- the space --------------------------------------------------------------------------

    def _wanted(self):
        """The space's name as the user gave it, or as the memory of a component has it."""
        if self.space_name is not None and self.space_name.value:
            return self.space_name.value
        inferior = gdb.selected_inferior()
        if inferior.pid and not is_core(inferior):
            with contextlib.suppress(gdb.error, *WRONG):
                self._seen = self._of_memory(inferior).space
        return self._seen

    @staticmethod
    def _of_memory(inferior):
        return registry.Registry(registry.MemorySource(inferior.read_memory))

    def space_to_use(self):
        """The name of the space, which need not be there yet."""
        return self._directory.name if self._directory else space.chosen(self._wanted())

    def directory(self):
        """Where the space is.  Once a session is open it stays the same."""
        if self._directory is None:
            return space.directory(self._wanted())
        return self._directory

    def registry(self):
        """What the registry says now: of the space, or of the core that is looked at."""
        inferior = gdb.selected_inferior()
        if is_core(inferior):
            return self._of_memory(inferior)
        return registry.Registry(registry.FileSource(self.directory() / "registry"))

    def recent_registry(self):
        """The same, perhaps some moments old: for what is asked often."""
        made, core, registry_ = self._recent
        current = gdb.selected_inferior().num if self.cores else 0
        if time.monotonic() - made > RECENT or core != current:
            registry_ = self.registry()
            self._recent = (time.monotonic(), current, registry_)
        return registry_

    def session(self):
        """The connection to the space's server."""
        if self._session is None:
            directory = self.directory()
            self._session = lease.Session(directory)
            self._directory = directory
        return self._session

    def leave(self):
        """Nothing is attached any more."""
        if self._session and not self.components and not self.kept:
            self._session.close()
            self._session = None
            self._directory = None

    # ---- inferiors ----------------------------------------------------------------------------

    def component(self, inferior=None):
        """The component that an inferior (the current one) is attached to, or None."""
        inferior = inferior or gdb.selected_inferior()
        if is_core(inferior):
            return self.cores.get(inferior.num)
        component = self.components.get(inferior.num)
        return component if component and component.pid == inferior.pid else None

    def inferior(self, component):
        """The inferior that is attached to a component, or None."""
        for inferior in gdb.inferiors():
            mine = self.component(inferior)
            if mine and (mine.id, mine.pid) == (component.id, component.pid):
                return inferior
        return None

    def attached(self):
        """[(inferior, component)] in the order of the inferiors."""
        pairs = [(inferior, self.component(inferior))
                 for inferior in sorted(gdb.inferiors(), key=lambda inferior: inferior.num)]
        return [(inferior, component) for inferior, component in pairs if component]

    def attached_by_name(self, name):
        """Those that are attached, of that name or id; "all" means all of them."""
        found = [(inferior, component) for inferior, component in self.attached()
                 if name in ("all", "--all", component.name, str(component.id))]
        if not found:
            raise gdb.GdbError(f"tproc: no attached component is called {name}")
        return found

    def identity(self, inferior_number):
        """What the component of an inferior is, or was, called: {name, id}; None when it is none."""
        if inferior_number in self.components:
            component = self.components[inferior_number]
            return {component.name, str(component.id)}
        if inferior_number in self.former:
            return {self.former[inferior_number][0]}
        return None

    def executing(self):
        """[(inferior, component)] of those that went on as another program and are still debugged."""
        return [(inferior, self.executed[inferior.pid]) for inferior in gdb.inferiors()
                if inferior.pid in self.executed]

    def forget(self, inferior_number):
        """The inferior is no component any more; returns what it was, or None."""
        component = self.components.pop(inferior_number, None)
        if component:
            self.former[inferior_number] = (component.name, component.exe)
        return component

    def tell_gone(self, component):
        """Tells those who want to know that a component is no longer attached."""
        for function in self.when_gone:
            function(component)

    def gone(self, inferior_number):
        """The inferior's process is gone, or no longer ours."""
        component = self.forget(inferior_number)
        if component:
            self.tell_gone(component)
        return component


debugger = Debugger()


def _speaks_mi():
    """True for a front end that wants to hear everything."""
    with open("/proc/self/cmdline", "rb") as file:
        return re.search(rb"\0--?i(nterpreter)?[=\0]mi", file.read()) is not None


@contextlib.contextmanager
def quiet():
    """Keeps GDB from telling of each stop and each change of the selection within a block.

    GDB 14 has a setting for that.  Before, these messages go past "to_string": so the descriptor that
    they end in leads elsewhere meanwhile.
    """
    try:
        before = gdb.parameter("suppress-cli-notifications")
    except RuntimeError:
        before = None
    if before is not None:
        with setting("suppress-cli-notifications", "on"):
            yield
        return
    if _speaks_mi():
        yield
        return
    gdb.flush()
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    try:
        yield
    finally:
        gdb.flush()
        os.dup2(kept, 1)
        os.close(kept)


def switch_to(inferior):
    """Makes an inferior the current one, silently."""
    if gdb.selected_inferior().num == inferior.num:
        return
    threads = sorted(inferior.threads(), key=lambda thread: thread.num)
    if threads:
        threads[0].switch()
        return
    with quiet():
        gdb.execute(f"inferior {inferior.num}", to_string=True)


@contextlib.contextmanager
def selection_kept():
    """Whatever is selected within, the thread and frame of before are selected after."""
    thread = gdb.selected_thread()
    inferior = gdb.selected_inferior()
    frame = None
    if thread:
        with contextlib.suppress(gdb.error):
            frame = gdb.selected_frame()
    try:
        yield
    finally:
        if thread and thread.is_valid():
            thread.switch()
            if frame and frame.is_valid():
                frame.select()
        elif inferior.is_valid():
            switch_to(inferior)


@contextlib.contextmanager
def setting(name, value):
    """A setting of GDB's for the length of a block."""
    before = gdb.parameter(name)
    if isinstance(before, bool):
        before = "on" if before else "off"
    gdb.execute(f"set {name} {value}", to_string=True)
    try:
        yield
    finally:
        gdb.execute(f"set {name} {before}", to_string=True)


def quoted(path):
    """A path as an argument of a GDB command."""
    return "".join(c if c.isalnum() or c in "/._-+,:@%" else f"\\{c}" for c in path)


