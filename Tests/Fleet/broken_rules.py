"""Rules that a build for tests can do without (`BreakableRule` in Sources/CacheStorage), and the histories that must find
out. A history that passes with every rule and without one of them checks nothing of it.
"""

import subprocess

# What the rule is called, and parts of the names of the histories in which its absence shows.
HISTORIES = {
    "lease": ["stalled, and then changed: both for more than grace", "cut, and then changed: both, instance not told"],
    "named": ["an invalidation overtakes the reply to a look-up, or is overtaken: reply last"],
    "session": ["a look-up is answered across the end of a session"],
    "new-session": ["cut, and then changed: tracking, reset", "cut, and then changed: both, reset"],
    "everything": ["Redis is flushed: this database"],
    "fence": ["changed while it is fetched: DEL", "changed between the fetch and the store: DEL"],
    "claim": ["changed while it is fetched: DEL"],
    "alone": ["fetched without a placeholder, and then changed"],
    "delivery": ["written while Redis can't be told"],
    "position": ["changed while it is fetched: tag", "changed while it is fetched: XADD"],
    "ahead": ["purged while an instance hears nothing of it, and reads what Redis has: tag"],
    "confirmation": ["purged while an instance is: silent", "purged while an instance is: stopped"],
    "epoch": ["purged right after Redis came back without anybody's signs of life, with one that hasn't noticed"],
    "age": ["purged right after Redis lost everything, with one that hasn't noticed"],
}


def breakable(larder):
    """The rules that this binary can do without; none of any other build."""
    done = subprocess.run([larder, "serve", "--config", "/nonexistent/larder.yaml"], capture_output=True, text=True,
                          env={"LARDER_WITHOUT": "?"}, timeout=20)
    _, found, names = done.stderr.partition("this build can break: ")
    return names.split("\n")[0].split(", ") if found else []
