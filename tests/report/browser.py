"""A page in headless Chromium: what it said on the console, and the document that its scripts made."""
import html.parser
import pathlib
import re
import shutil
import subprocess
import tempfile

PATIENCE = 300  # seconds: ends a test that hangs; no test passes or fails by how fast it is


def program():
    return next((p for p in (shutil.which(n) for n in ("chromium", "chromium-browser", "google-chrome")) if p), None)


def run(page, *words, width=1280, height=2000, seconds=5):
    """(document, console lines) after so many virtual seconds."""
    with tempfile.TemporaryDirectory(prefix="geocommit-chromium-") as home:
        done = subprocess.run(
            [program(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", f"--user-data-dir={home}", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", f"--virtual-time-budget={1000 * seconds}", "--enable-logging=stderr", f"--window-size={width},{height}", *words,
             pathlib.Path(page).resolve().as_uri()], capture_output=True, text=True, timeout=PATIENCE, env={"HOME": home, "PATH": "/usr/bin:/bin"})
    console = [line for line in done.stderr.splitlines() if re.search(r":CONSOLE[:(]", line)]
    return done.stdout, console


class Document(html.parser.HTMLParser):
    """Tags with their attributes, the text of each element that has data-path, and the rows of tables."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.values, self.ids, self._open, self._tag, self.raw = [], [], set(), None, None, []
        self.curves = []  # lines of each figure over a quantity
        self.tables, self._text = [], None  # [{caption, rows: [[(text, path or None), ...]]}]
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        if "id" in attributes:
            self.ids.add(attributes["id"])
        if attributes.get("class") == "plot":
            self.curves.append(0)
        elif tag == "polyline":
            self.curves[-1] += 1
        if tag == "table":
            self.tables.append({"caption": "", "rows": []})
        elif tag == "tr" and self.tables:
            self.tables[-1]["rows"].append([])
        elif tag in ("td", "th", "caption"):
            self._text = ["", attributes.get("data-path")]
        if "data-path" in attributes:
            self._open, self._tag = [attributes["data-path"], attributes.get("data-value"), ""], tag

    def handle_data(self, data):
        if self._text:
            self._text[0] += data
        if self._open:
            self._open[2] += data

    def handle_endtag(self, tag):
        if tag in ("td", "th", "caption") and self._text and self.tables:
            if tag == "caption":
                self.tables[-1]["caption"] = self._text[0]
            else:
                self.tables[-1]["rows"][-1].append(tuple(self._text))
            self._text = None
        if self._open and tag == self._tag:
            self.values.append(tuple(self._open))
            self._open = None
