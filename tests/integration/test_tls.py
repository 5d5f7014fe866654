#!/usr/bin/env python3
"""Thread-local storage, read from outside, against what each thread says of its own."""

import json
import os

import space
from space import SpaceTest, program


class Blocks(SpaceTest):
    """Variables of the program, of libc, of a module loaded late; and control blocks."""

    def block(self, address):
        """What owner says of an address: its thread-local storage."""
        answer = self.space.inspect("owner " + address)["addresses"][0]
        found = [i for i in answer["identities"] if i["kind"] == "tls"]
        self.assertEqual(len(found), 1, answer)
        return found[0]

    def check_thread(self, thread, modules):
        """All variables of a thread; modules says whose they are."""
        self.assertEqual(self.block(thread["control"]),
                         {"kind": "tls", "thread": thread["thread"], "control_block": True,
                          "module": None, "lo": thread["control"], "offset": 0, "size": 2304,
                          "symbol": None})
        for variable, module in modules.items():
            with self.subTest(variable=variable):
                found = self.block(thread[variable])
                self.assertEqual(found["thread"], thread["thread"])
                self.assertFalse(found["control_block"])
                self.assertEqual(os.path.basename(found["module"]), module)
                self.assertEqual(int(found["lo"], 16) + found["offset"],
                                 int(thread[variable], 16))
                self.assertLess(found["offset"], found["size"])
                if variable in ("initialised", "zeroed"):
                    self.assertEqual(found["symbol"], {"name": variable, "offset": 0})
        self.assertEqual(self.block(hex(int(thread["zeroed"], 16) + 99))["symbol"],
                         {"name": "zeroed", "offset": 99})

    def check(self, argv, modules):
        """The second thread's line comes first."""
        with self.space.running(program(argv[0]), *argv[1:]) as process:
            threads = [json.loads(process.stdout.readline()) for _ in range(2)]
            self.assertNotEqual(threads[0]["thread"], threads[1]["thread"])
            for library in argv[1:]:
                self.space.until_loaded(argv[0], library)
            for thread in threads:
                self.check_thread(thread, modules)

    def test_dynamic(self):
        """Blocks beside the control block, and one that malloc allocated."""
        self.check(["tls", program("tls-plugin.so")],
                   {"initialised": "tls", "zeroed": "tls", "errno": "libc.so.6",
                    "late": "tls-plugin.so"})

    def test_static(self):
        """All in one."""
        self.check(["tls-static"], dict.fromkeys(("initialised", "zeroed", "errno"),
                                                 "tls-static"))


if __name__ == "__main__":
    space.main()
