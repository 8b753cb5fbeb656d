"""What happened in a history, in order: one clock for everything, and lines that are printed if something was found."""

import time

KEPT_LINES = 40_000


class EventLog:
    """Lines with the time since the history began. `about` is the key they are about; None is about everybody."""

    def __init__(self):
        self.restart()

    def restart(self):
        self.began = time.monotonic()
        self.lines = []

    def now(self):
        return time.monotonic() - self.began

    def note(self, text, about=None):
        if len(self.lines) < KEPT_LINES:
            self.lines.append((self.now(), about, text))

    def excerpt(self, about, until, seconds=30):
        """The lines about one key and about everybody that lead to a moment, as text."""
        kept = [line for line in self.lines if line[1] in (None, about) and until - seconds <= line[0] <= until + 0.001]
        return "\n".join(f"  {at:8.3f}  {text}" for at, _, text in kept[-160:])
