#!/usr/bin/env python3
"""Conditions are evaluated at full rate in two components, in code that all threads run: nothing goes wrong.

TPROC_HITS says how often (default 1000; 100000 takes some minutes).
"""

import os

from gdbtest import PATIENCE, GdbTest, main

HITS = int(os.environ.get("TPROC_HITS", "1000"))


class Hits(GdbTest):
    PATIENCE = max(PATIENCE, HITS // 25)
    SCRIPT = f"""
class Count(gdb.Function):
    seen = {{}}
    def __init__(self):
        super().__init__("count")
    def invoke(self, n):
        name = current()
        self.seen[name] = self.seen.get(name, 0) + 1
        return sum(self.seen.values()) >= {HITS} and len(self.seen) == 2
Count()
ex("set non-stop %s")
ex("tproc attach")
ex("tproc break all square if $count(n)")
"""

    def setUp(self):
        super().setUp()
        self.launch("left", threads=2, fast=True)
        self.launch("right", threads=2, fast=True, program="worker-2")

    def test_all_stop(self):
        self.gdb(self.SCRIPT % "off" + """
ex("continue")
equals(gdb.selected_frame().name(), "square")
equals(sorted(Count.seen), ["left", "right"])
""")

    def test_non_stop(self):
        """Instructions under breakpoints are executed elsewhere, while the other threads run."""
        self.gdb_in_loop(self.SCRIPT.replace('ex("tproc break', '''yield lambda: all_stopped(6)
ex("tproc break''') % "on" + """
ex("continue -a &")
yield lambda: any(t.is_stopped() for i in gdb.inferiors() for t in i.threads())
equals(sorted(Count.seen), ["left", "right"])
ex("delete")
ex("interrupt -a")
yield lambda: all_stopped(6)
ex("tproc detach")
""")


if __name__ == "__main__":
    main()
