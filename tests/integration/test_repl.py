#!/usr/bin/env python3
"""tpinspect at a prompt: completion, history, signals, pager; and as a script."""

import os
import pathlib
import signal
import stat
import subprocess
import tempfile

from space import SpaceTest, TIMEOUT, command, main, tool
from terminal import CTRL_C, CTRL_D, CTRL_Z, TAB, Terminal, UP

PROMPT = "test> "


class ReplTest(SpaceTest):
    """A space with one component, `sleeper`, and a home directory."""

    def setUp(self):
        super().setUp()
        home = self.enterContext(tempfile.TemporaryDirectory())
        self.home = pathlib.Path(home)
        self.env = dict(self.space.env, HOME=home, TERM="xterm", PAGER="cat",
                        PATH="/usr/bin:/bin")
        for name in ("NO_COLOR", "LESS", "LINES", "COLUMNS", "XDG_STATE_HOME", "INPUTRC"):
            self.env.pop(name, None)
        sleeper = self.enterContext(self.space.running("sh", "-c", "echo ready; cat",
                                                       options=["-n", "sleeper"]))
        self.assert_line(sleeper, "ready")

    def terminal(self, *options, **kwargs):
        """tpinspect on a terminal."""
        argv = [command("tpinspect"), "-s", "test", *options]
        return self.enterContext(Terminal(argv, self.env, **kwargs))

    def prompt(self, *options, **kwargs):
        """The same, with its prompt awaited."""
        terminal = self.terminal(*options, **kwargs)
        terminal.expect(PROMPT)
        return terminal

    def answer(self, terminal, line):
        """Types a line; what comes before the next prompt, without the echo."""
        terminal.type(line + "\r")
        return terminal.expect(PROMPT).partition("\n")[2]

    def script(self, text, *options):
        """Runs a script; it is what standard input is."""
        return subprocess.run([command("tpinspect"), "-s", "test", *options], input=text,
                              env=self.env, text=True, capture_output=True, check=False,
                              timeout=TIMEOUT)


class Prompt(ReplTest):
    def test_answers_until_the_end(self):
        terminal = self.prompt()
        self.assertIn("sleeper", self.answer(terminal, "list"))
        self.assertIn("did you mean 'list'?", self.answer(terminal, "lst"))
        self.assertIn("sleeper", self.answer(terminal, "li"))
        self.assertIn("did you mean 'sleeper'?", self.answer(terminal, "modules sleepr"))
        terminal.type(CTRL_D)
        self.assertEqual(terminal.end(), 0)

    def test_quit(self):
        terminal = self.prompt()
        terminal.type("quit\r")
        self.assertEqual(terminal.end(), 0)

    def test_no_space(self):
        terminal = self.terminal("-s", "nowhere")
        terminal.expect("no such space")
        self.assertEqual(terminal.end(), 3)

    def test_a_new_server_is_found(self):
        terminal = self.prompt()
        self.assertIn("sleeper", self.answer(terminal, "list"))
        subprocess.run([command("tpserver"), "--space", "test", "--stop"], env=self.env,
                       check=True, timeout=TIMEOUT)
        self.assertIn("no such space", self.answer(terminal, "list"))
        self.space.run("true", options=["-n", "another"])
        self.assertIn("another", self.answer(terminal, "list"))

    def test_colour(self):
        for change, wanted in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
            with self.subTest(change):
                self.env.update(change)
                terminal = self.prompt()
                terminal.type("list\r")
                shown = terminal.expect_raw(PROMPT)
                self.assertEqual("\x1b[32mrunning" in shown, wanted, shown)
                for name in change:
                    del self.env[name]
                self.env["TERM"] = "xterm"
        terminal = self.prompt("--color=never")
        terminal.type("list\r")
        self.assertNotIn("\x1b[32m", terminal.expect_raw(PROMPT))

    def test_redirection_has_no_colour(self):
        terminal = self.prompt()
        self.answer(terminal, "list > ~/answer")
        self.answer(terminal, "list | cat >> ~/answer")
        text = (self.home / "answer").read_text()
        self.assertEqual(text.count("sleeper"), 2, text)
        self.assertNotIn("\x1b", text)


class Completion(ReplTest):
    def completes(self, terminal, typed, expected):
        """The line that is there after a tab; then it is dropped."""
        terminal.type(typed + TAB)
        terminal.expect(expected)
        terminal.type(CTRL_C)
        terminal.expect(PROMPT)

    def test_words(self):
        terminal = self.prompt()
        self.completes(terminal, "lis", "list ")
        self.completes(terminal, "help modu", "help modules ")
        self.completes(terminal, "modules sle", "modules sleeper ")
        self.completes(terminal, "modules 1", "modules 1 ")
        self.completes(terminal, "bt --fr", "bt --frames ")
        self.completes(terminal, "print &_IO_2_1_stdo", "print &_IO_2_1_stdout_")
        self.completes(terminal, "print &sleeper::_IO_2_1_stdo",
                       "print &sleeper::_IO_2_1_stdout_")

    def test_several(self):
        terminal = self.prompt()
        terminal.type("help " + TAB + TAB)
        shown = terminal.expect(PROMPT)
        self.assertIn("modules", shown)
        self.assertIn("quit", shown)

    def test_files(self):
        (self.home / "a long name").mkdir()
        (self.home / "other").touch()
        terminal = self.prompt()
        self.completes(terminal, f"list > {self.home}/oth", f"{self.home}/other ")
        self.completes(terminal, f"list >>{self.home}/oth", f"{self.home}/other ")


class History(ReplTest):
    def setUp(self):
        super().setUp()
        self.file = self.home / ".local/state/tproc/tpinspect_history"

    def test_is_kept(self):
        terminal = self.prompt()
        self.answer(terminal, "help names")
        self.answer(terminal, "help names")
        self.answer(terminal, " help fds")
        terminal.type(CTRL_D)
        terminal.end()
        self.assertEqual(self.file.read_text(), "help names\n")
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(self.file.parent.stat().st_mode), 0o700)
        terminal = self.prompt()
        terminal.type(UP)
        terminal.expect("help names")

    def test_two_at_once(self):
        one, two = self.prompt(), self.prompt()
        for i in range(3):
            self.answer(one, f"help {i}")
            self.answer(two, f"help 1{i}")
        self.assertEqual(sorted(self.file.read_text().split()),
                         sorted(["help"] * 6 + ["0", "1", "2", "10", "11", "12"]))

    def test_elsewhere_and_nowhere(self):
        self.env["XDG_STATE_HOME"] = str(self.home / "state")
        self.answer(self.prompt(), "help 1")
        self.assertEqual((self.home / "state/tproc/tpinspect_history").read_text(), "help 1\n")
        self.env["TPROC_HISTFILE"] = str(self.home / "mine")
        self.answer(self.prompt(), "help 2")
        self.assertEqual((self.home / "mine").read_text(), "help 2\n")
        self.env["TPROC_HISTFILE"] = ""
        self.answer(self.prompt(), "help 3")
        self.assertEqual((self.home / "mine").read_text(), "help 2\n")
        self.assertFalse(self.file.exists())

    def test_is_bounded(self):
        self.file.parent.mkdir(parents=True)
        self.file.write_text("".join(f"help {i}\n" for i in range(4000)))
        terminal = self.prompt()
        terminal.type(UP)
        terminal.expect("help 3999")
        lines = self.file.read_text().splitlines()
        self.assertEqual((len(lines), lines[0], lines[-1]), (2000, "help 2000", "help 3999"))

    def test_cannot_be_kept(self):
        self.env["TPROC_HISTFILE"] = "/dev/null/history"
        terminal = self.terminal()
        terminal.expect("no history: /dev/null/history")
        terminal.expect(PROMPT)
        self.assertIn("sleeper", self.answer(terminal, "list"))


class Signals(ReplTest):
    def test_ctrl_c_drops_the_line(self):
        terminal = self.prompt()
        terminal.type("nonsense")
        terminal.expect("nonsense")
        terminal.type(CTRL_C)
        terminal.expect(PROMPT)
        self.assertIn("sleeper", self.answer(terminal, "list"))

    def test_ctrl_c_stops_a_verb_that_waits(self):
        terminal = self.prompt()
        terminal.type("follow\r")

        def is_followed():
            self.space.run("/bin/true", options=["-n", "passer"])
            return terminal.shows("passer")

        self.space.until(is_followed, "an event is shown")
        terminal.type(CTRL_C)
        terminal.expect(PROMPT)
        self.assertIn("sleeper", self.answer(terminal, "list"))

    def test_ctrl_c_stops_a_verb_that_writes(self):
        terminal = self.prompt()
        # More than a pipe holds, and a reader that does not read.
        terminal.type("owner " + "10 " * 1000 + "| echo wait''ing; exec cat </dev/tty\r")
        terminal.expect("waiting")
        terminal.type(CTRL_C)
        terminal.expect("tpinspect: stopped")
        terminal.expect(PROMPT)
        self.assertIn("sleeper", self.answer(terminal, "list"))

    def test_ctrl_c_ends_a_script(self):
        terminal = self.terminal("-c", "list | echo waiting; exec cat </dev/tty", "-c", "names")
        terminal.expect("waiting")
        terminal.type(CTRL_C)
        terminal.expect("tpinspect: stopped")
        self.assertEqual(terminal.end(), -signal.SIGINT)

    def test_ctrl_z(self):
        shell = self.enterContext(
            Terminal([tool("bash"), "--norc", "--noprofile", "-i"],
                     dict(self.env, PS1="$ ", TPI=command("tpinspect"))))
        shell.expect("$ ")
        shell.type("$TPI -s test\r")
        shell.expect(PROMPT)
        shell.type(CTRL_Z)
        shell.expect("Stopped")
        shell.type("fg\r")
        shell.expect(PROMPT)
        self.assertIn("sleeper", self.answer(shell, "list"))

    def test_a_reader_that_has_seen_enough(self):
        terminal = self.prompt()
        shown = self.answer(terminal, "owner " + "10 " * 1000 + "| head -n 1")
        self.assertIn("0x10: not mapped\n", shown)
        self.assertNotIn("tpinspect:", shown)


class Progress(ReplTest):
    def test_is_shown(self):
        """What takes longer is seen to go on, and leaves nothing behind."""
        self.space.start()
        fifo = os.path.join(self.space.runtime, "addresses")
        os.mkfifo(fifo)
        line = f"'{command('tpinspect')}' -s test -c 'owner -' <'{fifo}' >/dev/null; echo $?."
        with Terminal(["/bin/sh", "-c", line], self.env) as terminal:
            with open(fifo, "w", encoding="ascii") as addresses:
                while not terminal.shows("reading addresses"):
                    addresses.write("10\n" * 1000)
                    addresses.flush()
                terminal.expect("/s")
            terminal.expect_raw("\r\x1b[K1.")
            terminal.end()


class Pager(ReplTest):
    def setUp(self):
        super().setUp()
        self.env["PAGER"] = "sed s/^/paged:/"

    def test_only_for_what_is_long(self):
        terminal = self.prompt(rows=6)
        self.assertNotIn("paged:", self.answer(terminal, "help quit"))
        shown = self.answer(terminal, "help")
        self.assertIn("paged:list", shown)
        self.assertIn("paged:quit", shown)

    def test_size_of_the_screen(self):
        terminal = self.prompt(rows=200)
        self.assertNotIn("paged:", self.answer(terminal, "help"))
        terminal.resize(6, 80)
        terminal.type("help\r")
        terminal.expect("paged:quit")

    def test_ends_early(self):
        self.env["PAGER"] = "head -n 1"
        terminal = self.prompt(rows=6)
        shown = self.answer(terminal, "owner " + "10 " * 1000)
        self.assertIn("0x10: not mapped\n", shown)
        self.assertNotIn("tpinspect:", shown)

    def test_not_wanted(self):
        terminal = self.prompt("--no-pager", rows=6)
        self.assertNotIn("paged:", self.answer(terminal, "help"))
        self.assertIn("paged:", self.terminal("-c", "help", rows=6).expect("paged:quit") + "paged:")
        done = self.script("help\n")
        self.assertNotIn("paged:", done.stdout)


class Script(ReplTest):
    def test_ends_at_the_first_error(self):
        done = self.script("# first\nlist\n\nfds 99\nnames\n")
        self.assertEqual(done.returncode, 1)
        self.assertIn("sleeper", done.stdout)
        self.assertNotIn("names", done.stdout)
        self.assertEqual(done.stderr,
                         "tpinspect: line 4: no threadproc 99; 'list' shows them\n")

    def test_keep_going(self):
        done = self.script("nonsense\nfds 99\nnames", "--keep-going")
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stdout, "no names\n")
        self.assertEqual(done.stderr.count("tpinspect: line"), 2)
        done = subprocess.run([command("tpinspect"), "-s", "test", "-k", "-c", "fds 99",
                               "-c", "names"], env=self.env, text=True, capture_output=True,
                              check=False, timeout=TIMEOUT)
        self.assertEqual((done.returncode, done.stdout), (1, "no names\n"))

    def test_beginnings_of_verbs_are_for_people(self):
        done = self.script("l\n")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no verb 'l'", done.stderr)

    def test_nul(self):
        done = self.script("list\0 > f\n")
        self.assertEqual((done.returncode, done.stdout), (2, ""))

    def test_closed_output(self):
        run = subprocess.Popen([command("tpinspect"), "-s", "test"], env=self.env,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
        run.stdout.close()
        with run.stdin:
            run.stdin.write("help\n" * 100)
        self.assertEqual(run.wait(TIMEOUT), -signal.SIGPIPE)
        self.assertEqual(run.stderr.read(), "")
        run.stderr.close()

    def test_full_output(self):
        """What did not arrive was not answered, whoever wrote it."""
        for name, *options in (("tpinspect", "--help"), ("tpinspect", "--version"),
                               ("tpinspect", "-s", "test", "-c", "list"), ("tprun", "--help"),
                               ("tpserver", "--help")):
            with open("/dev/full", "w", encoding="ascii") as full:
                done = subprocess.run([command(name), *options], env=self.env, text=True,
                                      stdout=full, stderr=subprocess.PIPE, check=False,
                                      timeout=TIMEOUT)
            self.assertEqual(done.returncode, 125 if name == "tprun" else 1)
            self.assertRegex(done.stderr, f"^{name}: cannot write.*No space left on device\n$")

    def test_no_descriptors(self):
        """No file that is opened gets the place of a closed descriptor, and what belongs there."""
        page = self.home / "page.html"
        script = f'exec "$@" -c list -c "report {page}" -c nonsense <&- >&- 2>&-'
        done = subprocess.run(["sh", "-c", script, "sh", command("tpinspect"), "-s", "test"],
                              env=self.env, check=False, timeout=TIMEOUT)
        self.assertEqual(done.returncode, 2)
        self.assertTrue(page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>"))
        done = subprocess.run(["sh", "-c", 'exec "$@" <&-', "sh", command("tpinspect")],
                              env=self.env, text=True, capture_output=True, check=False,
                              timeout=TIMEOUT)
        self.assertEqual((done.returncode, done.stderr),
                         (1, "tpinspect: cannot read commands: Bad file descriptor\n"))


if __name__ == "__main__":
    main()
