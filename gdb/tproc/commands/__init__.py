"""The commands, one module each.  A module is loaded by being imported (load.py)."""

import gdb

from ..debugger import debugger, told


class Command(gdb.Command):
    """A command below the prefix "tproc".

    A subclass has NAME, a docstring (its help) and run(args), where args are the words of the line;
    with RAW, run(line).  COMPLETE says what may stand there: "attached", "living", "all" for
    names of components, or one of GDB's own completers.
    """

    NAME = ""
    RAW = False
    COMPLETE = None

    def __init__(self):
        super().__init__(f"tproc {self.NAME}", gdb.COMMAND_USER)

    def invoke(self, argument, _from_tty):
        self.dont_repeat()
        try:
            with told():
                self.run(argument if self.RAW else gdb.string_to_argv(argument))
        except gdb.error as error:  # as GDB says it, and not as an error of Python's
            raise gdb.GdbError(str(error)) from error

    def run(self, args):
        raise NotImplementedError

    def complete(self, text, word):
        if self.COMPLETE not in ("attached", "living", "all"):
            return gdb.COMPLETE_NONE if self.COMPLETE is None else self.COMPLETE
        return component_names(self.COMPLETE, word)


def component_names(which, word):
    """Names of components that begin with a word."""
    try:
        with told():
            if which == "attached":
                known = [component for _, component in debugger.attached()]
            else:
                registry = debugger.registry()
                known = registry.living() if which == "living" else registry.components()
    except gdb.GdbError:
        return []
    return sorted({component.name for component in known if component.name.startswith(word or "")})


def one(args, usage):
    """The only word of a command, or how it is used."""
    if len(args) != 1:
        raise gdb.GdbError(f"usage: tproc {usage}")
    return args[0]


def chosen(registry, args):
    """The components that the words of a command mean; without words all that live."""
    if not args:
        return registry.living()
    found = []
    for name in args:
        if name in ("all", "--all"):
            found += registry.living()
            continue
        named = registry.find(name) or registry.find(name, living=False)
        if not named:
            raise gdb.GdbError(f"tproc: space {registry.space} has no component {name}")
        found += named
    return found
