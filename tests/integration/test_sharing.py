"""Mutexes and named objects that components share, and what is left when one of them dies."""

import signal

from space import SpaceTest, TIMEOUT, main, program


class Sharing(SpaceTest):
    """`keeper` publishes an object, others lock it."""

    def setUp(self):
        super().setUp()
        self.keeper = self.start_one("keeper")
        self.expect(self.keeper, "publish ledger", "success")

    def start_one(self, name):
        """One that does as it is told."""
        context = self.space.running(program("sharing"), options=["-n", name])
        process = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return process

    def finder(self, name):
        """One that has found the object."""
        process = self.start_one(name)
        self.expect(process, "find ledger", "success")
        return process

    def ask(self, process, line):
        """What it answers."""
        process.stdin.write(line + "\n")
        process.stdin.flush()
        return process.stdout.readline().rstrip("\n")

    def expect(self, process, line, answer):
        """That has to be its answer."""
        self.assertEqual(self.ask(process, line), answer)

    def id_of(self, name):
        """Its number."""
        return next(tp["id"] for tp in self.space.threadprocs() if tp["name"] == name)

    def name(self):
        """The published object, as tpinspect has it."""
        found, = self.space.inspect("names")["names"]
        return found

    def lock(self):
        """The mutex of the object, as tpinspect has it; None when it is not told."""
        where = self.ask(self.keeper, "where").partition(":")[0]
        lock = int(where, 16) + 16
        return next((lk for lk in self.space.inspect("locks")["locks"]
                     if int(lk["lock"]["address"], 16) == lock), None)

    def crash(self, process):
        """It dies of a null pointer."""
        process.stdin.write("crash\n")
        process.stdin.flush()
        self.assert_ends(process, -signal.SIGSEGV)

    def test_locked_across_components(self):
        other = self.finder("other")
        self.expect(other, "lock", "success")
        self.expect(self.keeper, "trylock", "locked by another thread")
        told = self.ask(self.keeper, "info")
        self.assertRegex(told, rf"^{self.id_of('other')} \S*sharing\.c:\d+, 0 :0: success$")
        lock = self.lock()
        self.assertEqual(lock["state"], "held")
        self.assertEqual(lock["owner"]["threadproc"]["name"], "other")
        self.assertEqual(lock["locked_at"]["threadproc"]["name"], "other")
        self.assertRegex(lock["locked_at"]["file"], r"sharing\.c$")
        self.assertEqual(lock["died"], None)
        self.expect(other, "unlock", "success")
        self.expect(self.keeper, "trylock", "success")
        self.expect(self.keeper, "unlock", "success")

    def test_the_server_notices(self):
        other = self.finder("other")
        self.expect(other, "lock", "success")
        self.assertEqual(self.name()["suspect"], None)
        self.crash(other)
        number = self.id_of("other")
        self.space.until(lambda: self.name()["suspect"], "the object is suspect")
        self.assertEqual(self.name()["suspect"]["threadproc"]["name"], "other")
        lock = self.lock()
        self.assertEqual(lock["state"], "owner died")
        self.assertEqual(lock["locked_at"]["threadproc"]["id"], number)
        suspect = f"{number}: suspect: somebody died while changing it"
        self.expect(self.keeper, "suspect ledger", suspect)
        self.expect(self.keeper, "lock", "locked, but its last owner died with it")
        self.assertRegex(self.ask(self.keeper, "info"),
                         rf"^{self.id_of('keeper')} \S+, {number} \S*sharing\.c:\d+: success$")
        self.assertEqual(self.lock()["died"]["threadproc"]["name"], "other")
        self.expect(self.keeper, "consistent", "success")
        self.expect(self.keeper, "suspect ledger", suspect)
        self.expect(self.keeper, "trust ledger", "success")
        self.expect(self.keeper, "suspect ledger", "success")
        self.expect(self.keeper, "unlock", "success")
        self.assertEqual(self.name()["suspect"], None)

    def test_killed(self):
        other = self.finder("other")
        self.expect(other, "lock", "success")
        other.kill()
        other.wait(TIMEOUT)
        self.space.until(lambda: self.name()["suspect"], "the object is suspect")
        self.expect(self.keeper, "trylock", "locked, but its last owner died with it")

    def test_the_next_one_notices(self):
        """A thread ends, its component lives: the server hears of it from whoever comes next."""
        other = self.finder("other")
        self.expect(other, "thread", "success")
        self.assertEqual(self.name()["suspect"], None)
        self.assertEqual(self.lock()["state"], "owner died")
        self.expect(self.keeper, "lock", "locked, but its last owner died with it")
        self.assertEqual(self.name()["suspect"]["threadproc"]["name"], "other")

    def test_whoever_does_not_lock_it_is_not_suspect(self):
        other = self.finder("other")
        self.expect(other, "lock", "success")
        self.expect(other, "unlock", "success")
        self.crash(other)
        self.space.until(lambda: self.space.ping()[2] == 1, "only the keeper lives")
        self.assertEqual(self.name()["suspect"], None)
        self.expect(self.keeper, "lock", "success")

    def test_report(self):
        """The report names what is suspect, and where that was locked."""
        context = self.space.running(program("sharing"), options=["-n", "second", "--report"])
        other = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        self.expect(other, "find ledger", "success")
        self.expect(other, "lock", "success")
        self.expect(other, "robust", "success")
        other.stdin.write("crash\n")
        other.stdin.flush()
        _, said = other.communicate(timeout=TIMEOUT)
        self.assertEqual(other.returncode, -signal.SIGSEGV)
        self.assertRegex(said, r"mutex 0x\w+, keeper\(1\) sharing own\S*, by thread \d+, locked at "
                               r"\S*sharing\.c:\d+, protects ledger")
        self.assertRegex(said, r"suspect\n(.*\n)*  keeper \(1\): .*\"ledger\" may be half changed")
        self.assertEqual(len([line for line in said.splitlines() if line.startswith("  robust mutex ")]), 2)

    def test_publishing_anew_is_trust(self):
        other = self.finder("other")
        self.expect(other, "lock", "success")
        self.crash(other)
        self.space.until(lambda: self.name()["suspect"], "the object is suspect")
        self.expect(self.keeper, "publish ledger", "success")
        self.expect(self.keeper, "suspect ledger", "success")


if __name__ == "__main__":
    main()
