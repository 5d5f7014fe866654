#!/usr/bin/env python3
"""Each scenario of scenarios.py, in both modes of GDB's, alone and in company.

The components are alone, two of one program, two of different ones, or twenty of two.
"""


from gdbtest import HERE, PROGRAMS, GdbTest, main

from space import command

CROWDS = {"one": 1, "two": 2, "two_different": 2, "twenty": 20}


ATTACH = {"all_stop": 'ex("tproc attach --follow")\n---\n',
          "non_stop": 'pass\n---\nex("set non-stop on")\nex("tproc attach --follow")\n'}


class Played(GdbTest):
    SOURCE = HERE / "programs/worker.c"

    def environment(self):
        return {**super().environment(), "TPROC_TEST_TPRUN": command("tprun"),
                "TPROC_TEST_WORKER": str(PROGRAMS / "worker"),
                "TPROC_TEST_SOURCE": str(self.SOURCE)}

    def play(self, mode, which="IN_C"):
        scenarios = (HERE / "scenarios.py").read_text(encoding="utf-8")
        self.gdb_in_loop(f"{scenarios}\n{ATTACH[mode]}"
                         f"yield from play({which}, 'c0', {2 * len(self.workers)})")


class Scenarios(Played):
    """What is the same everywhere."""

    def play_in(self, mode, crowd):
        for i in range(CROWDS[crowd]):
            other = i % 2 and crowd != "two"
            self.launch(f"c{i}", threads=1, program="worker-2" if other else "worker")
        self.play(mode)


for _mode in ATTACH:
    for _crowd in CROWDS:
        setattr(Scenarios, f"test_{_mode}_{_crowd}",
                lambda self, mode=_mode, crowd=_crowd: self.play_in(mode, crowd))


class Cpp(Played):
    """Objects and exceptions."""

    SOURCE = HERE / "programs/shapes.cpp"

    def test_all_stop(self):
        for i in range(2):
            self.launch(f"c{i}", program="shapes")
        self.play("all_stop", "IN_CPP")

    def test_non_stop(self):
        for i in range(2):
            self.launch(f"c{i}", program="shapes")
        self.play("non_stop", "IN_CPP")


if __name__ == "__main__":
    main()
