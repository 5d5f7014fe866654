#!/usr/bin/env python3
"""The layering check finds what it is there to find."""

import pathlib
import tempfile
import unittest

import layering

ROOT = pathlib.Path(tempfile.gettempdir())


def errors(path, text):
    found = list(layering.house_errors(path, text))
    if pathlib.PurePosixPath(path).suffix in layering.SOURCE:
        found += layering.include_errors(path, text, ROOT)
    return found


class Refused(unittest.TestCase):
    def refused(self, path, text):
        self.assertTrue(errors(path, text), f"{path} may contain {text}")

    def test_reader_and_loader_stay_apart(self):
        self.refused("inspect/main.c", '#include "loader/wire.h"\n')
        self.refused("lib/read/x.c", '#include "loader/wire.h"\n')
        self.refused("loader/server/x.c", '#include "lib/read/mem.h"\n')
        self.refused("loader/client/x.c", '#include "tproc/abi.h"\n')

    def test_nothing_needs_a_test(self):
        self.refused("lib/base/x.c", '#include "tests/unit/x.h"\n')

    def test_agent_has_no_libc(self):
        self.refused("loader/agent/x.c", "#include <string.h>\n")
        self.refused("loader/agent/x.c", '  #  include "lib/base/err.h"\n')
        self.refused("include/tproc/x.h", "#include <sys/types.h>\n")

    def test_base_is_at_the_bottom(self):
        self.refused("lib/base/x.c", '#include "lib/read/mem.h"\n')
        self.refused("lib/tproc/x.c", '#include "lib/base/err.h"\n')
        self.refused("lib/tproc/x.c", "#include <stdlib.h>\n")

    def test_every_part_is_known(self):
        self.refused("elsewhere/x.c", "\n")

    def test_house_rules(self):
        self.refused("lib/base/x.c", "\n" * 801)
        self.refused("docs/x.md", "see /wo" + "rk/main\n")
        self.refused("tests/unit/x.c", "usle" + "ep (10);\n")
        self.refused("tests/integration/x.sh", "  sle" + "ep 1\n")


class Allowed(unittest.TestCase):
    def allowed(self, path, text):
        self.assertEqual(errors(path, text), [])

    def test_downwards(self):
        self.allowed("inspect/main.c", '#include "lib/read/mem.h"\n#include "lib/base/err.h"\n')
        self.allowed("loader/server/x.c", '#include "loader/agent/plan.h"\n#include <gelf.h>\n')
        self.allowed("loader/agent/x.c", '#include "tproc/abi.h"\n#include <linux/mman.h>\n')
        self.allowed("tests/unit/x.c", '#include "loader/packet.h"\n#include "tests/unit/y.h"\n')

    def test_words_that_look_alike(self):
        self.allowed("tests/unit/x.c", "run_until_asleep(); sleeper(1);\n")
        self.allowed("docs/x.md", "/proc/PID/root and framework/x\n")


if __name__ == "__main__":
    unittest.main()
