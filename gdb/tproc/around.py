"""What is done around commands of GDB's own: hooks of theirs, unless the user has defined some.

GDB forgets the second hook if the command fails; then the next prompt ends what the first one began.
"""

import gdb

_makers = {}  # command -> function that makes a context manager
_begun = {}  # command -> context manager that was entered


def _is_defined(name):
    try:
        gdb.execute(f"show user {name}", to_string=True)
    except gdb.error:
        return False
    return True


def wrap(command, maker):
    """The context manager that maker() returns is entered before each such command, and left after it."""
    _makers[command] = maker
    *prefix, word = command.split()
    for kind, function in (("hook", "begin"), ("hookpost", "end")):
        name = " ".join([*prefix, f"{kind}-{word}"])
        if not _is_defined(name):
            gdb.execute(f"define {name}\npython __import__('tproc.around').around.{function}({command!r})\nend",
                        to_string=True)


def begin(command):
    """From the hook before a command."""
    end(command)
    context = _makers[command]()
    context.__enter__()
    if not _begun:
        gdb.events.before_prompt.connect(_on_prompt)
    _begun[command] = context


def end(command):
    """From the hook after a command."""
    context = _begun.pop(command, None)
    if context is None:
        return
    if not _begun:
        gdb.events.before_prompt.disconnect(_on_prompt)
    context.__exit__(None, None, None)


def _on_prompt():
    for command in list(_begun):
        end(command)
