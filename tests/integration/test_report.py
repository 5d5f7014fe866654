#!/usr/bin/env python3
"""A space on one page of HTML: what is in it, and that a browser finds nothing wrong with it."""

import html.parser
import os
import pathlib
import stat
import subprocess
import tempfile

import space
from space import SpaceTest, TIMEOUT, command, program, tool

HOSTILE = "a<script>alert('1')</script>&\"<!--"
# Those have no end tag.
VOID = {"meta", "input", "br"}
SECTIONS = ["components", "crashes", "memory", "pointers", "descriptors", "locks"]


class Page(html.parser.HTMLParser):
    """What is on a page; tags have to be balanced."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.outside = [], [], [], []
        self.texts = {}  # by tag
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append(tag)
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.outside += [v for k, v in attrs if k in ("src", "href", "action", "data", "style")
                         and not v.startswith("#")]
        self.outside += [k for k in attributes if k.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> within {self.open}"
        self.open.pop()

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def text(self, tag):
        """All text right within such tags."""
        return "\n".join(self.texts.get(tag, []))


class Report(SpaceTest):
    """tpinspect report."""

    def setUp(self):
        super().setUp()
        self.path = pathlib.Path(self.space.runtime) / "page.html"

    def start(self, name, *argv, **kwargs):
        """A component that tells where its things are, {name: address}; it stays."""
        process = self.space.popen(program("party"), *argv, options=["-n", name], **kwargs)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return dict(line.split() for line in iter(process.stdout.readline, "ready\n"))

    def tpinspect(self, *arguments):
        """Its answer."""
        return subprocess.run([command("tpinspect"), *map(str, arguments)], env=self.space.env,
                              check=False, text=True, timeout=TIMEOUT, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)

    def scene(self):
        """Two that live, of which one has a hostile name; one crashed, and another waits."""
        keep = self.start(HOSTILE, "keep")
        self.start("other", "keep")
        crashed = self.space.run(program("party"), "write", "0", options=["-n", "broken"])
        self.assertEqual(crashed.returncode, -11, crashed)
        process = self.space.popen(program("party"), "entangle", keep["mutex"],
                                   options=["-n", "owner", "--on-crash=wait"])
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.space.until(lambda: any(c.get("held") for c in self.space.inspect("crash")["crashes"]),
                         "it is held")
        self.start("waiter", "lock", keep["mutex"])
        self.space.until(lambda: any(lock["waiters"]
                                     for lock in self.space.inspect("locks")["locks"]), "it waits")

    def write(self, *options):
        """The page of the space, and what was answered."""
        answer = self.space.inspect(" ".join(["report", *options, str(self.path)]))
        return Page(self.path.read_text(encoding="utf-8")), answer

    def test_page(self):
        """All sections of a space in which a lot is wrong."""
        self.scene()
        page, answer = self.write()
        self.assertEqual(answer, {"file": str(self.path), "file_size": self.path.stat().st_size,
                                  "components": 5, "living": 4, "crashed": 2})
        self.assertEqual([i for i in page.ids if not i.startswith("t")], SECTIONS)
        self.assertEqual([i for i in page.ids if i.startswith("t")], ["t1", "t2", "t3", "t4", "t5"])
        self.assertEqual(page.outside, [])
        self.assertEqual(page.tags.count("script"), 1)
        self.assertEqual(page.tags.count("svg"), 2)
        self.assertIn(HOSTILE, page.text("td"))
        self.assertIn(HOSTILE, page.text("a"))
        self.assertIn("crashed SIGSEGV", page.text("td"))
        self.assertRegex(page.text("h3"), r"wrote 4 bytes to 0x0, a null pointer, in write_4")
        self.assertIn("a thread of it waits for what may never come", page.text("li"))
        self.assertRegex(page.text("pre"), r"(?s)SIGSEGV in thread .*main\+0x.*suspect")
        self.assertIn("normal mutex", page.text("td"))
        # who points into whom: in the picture, and in the table with an example
        self.assertRegex(page.text("title"), r"words? of waiter \(5\) point into a<script>")
        self.assertRegex(page.text("td"), r"a<script>.*party mutex")
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)

    def test_empty_space(self):
        """Nothing is there, and that is said."""
        self.space.start()
        page, answer = self.write()
        self.assertEqual((answer["living"], answer["crashed"]), (0, 0))
        self.assertIn("No crash is on record.", page.text("p"))
        self.assertIn("No component points into another one.", page.text("p"))

    def test_shared_descriptors(self):
        """Two components with one open file."""
        with open(os.path.join(self.space.runtime, "common"), "w+b") as file:
            for name in ("first", "second"):
                self.start(name, "keep", stderr=file)
            page, _ = self.write()
        self.assertIn("common", page.text("td"))
        self.assertIn("Open files with several descriptors, and so one position",
                      page.text("caption"))

    def test_core(self):
        """Of a core file, without what a core does not tell."""
        self.scene()
        core = os.path.join(self.space.runtime, "core")
        self.space.inspect(f"dump-core owner {core}")
        done = self.tpinspect("--core", core, "-c", f"report {self.path}")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^5 components, 2 crashed, in .*page.html, \d+ KiB\n$")
        page = Page(self.path.read_text(encoding="utf-8"))
        self.assertIn(f"As it is in the core file {core}", page.text("p"))
        self.assertIn(HOSTILE, page.text("a"))
        self.assertIn("Descriptors as they were at launch", page.text("caption"))

    def test_file_is_replaced_only_if_wanted(self):
        """Nor is a symbolic link followed."""
        self.space.start()
        self.write()
        before = self.path.read_text(encoding="utf-8")
        done = self.tpinspect("-s", "test", "-c", f"report {self.path}")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("is there already (--force replaces it)", done.stderr)
        self.assertEqual(self.path.read_text(encoding="utf-8"), before)
        self.write("--force")
        target = self.path.with_name("target")
        target.write_text("precious", encoding="utf-8")
        self.path.unlink()
        self.path.symlink_to(target)
        done = self.tpinspect("-s", "test", "-c", f"report --force {self.path}")
        self.assertIn("is no regular file", done.stderr)
        self.assertEqual(target.read_text(encoding="utf-8"), "precious")
        self.assertEqual({p.name for p in self.path.parent.glob("*page*")}, {"page.html"})

    def test_nowhere(self):
        """A directory that is not there."""
        self.space.start()
        done = self.tpinspect("-s", "test", "-c", "report /nowhere/page.html")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("cannot write /nowhere/page.html: No such file", done.stderr)

    def test_browser(self):
        """Chromium reads it, permits the script, and has nothing to complain of."""
        chromium = tool("chromium")
        self.scene()
        self.write()
        with tempfile.TemporaryDirectory(prefix="tproc-browser-") as home:
            done = subprocess.run(
                [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                 "--disable-breakpad", "--no-first-run", f"--user-data-dir={home}/data",
                 "--enable-logging=stderr", "--dump-dom", f"file://{self.path}"],
                env={**self.space.env, "HOME": home, "XDG_CONFIG_HOME": home}, check=False, text=True,
                timeout=240, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("CONSOLE", done.stderr)
        page = Page(done.stdout)
        self.assertEqual(page.tags.count("script"), 1)
        self.assertIn(HOSTILE, page.text("a"))
        self.assertRegex(page.text("h3"), r"wrote 4 bytes to 0x0, a null pointer, in write_4")
        # the script ran: columns can be sorted
        self.assertIn("Resident", page.texts["button"])


if __name__ == "__main__":
    space.main()
