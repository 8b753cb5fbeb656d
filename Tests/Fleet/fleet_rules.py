"""What must hold of responses, whatever happens. No I/O here: times are arguments, in seconds of one monotonic clock.

An application changes something at the origin and then says so: by DEL or SET in Redis, by a purge, or by a write through
a Larder. From a moment on, which depends on how it was said, no request that begins later may be answered with what the
origin had before the change. That moment is the demand's `since`. A demand can hold at one instance only.
"""

from dataclasses import dataclass, field


# Kinds of change that hold at once; the others have a bound already.
ACKNOWLEDGED = ("purge", "soft purge")


@dataclass
class Demand:
    """Requests that begin after `since` see at least `version`. It is broken once at most: one finding is enough."""

    version: int
    since: float
    kind: str
    instance: object = None
    void_from: float = float("inf")
    is_broken: bool = False

    def applies(self, instance, begun, judged, spared=0.0):
        since = self.since + (spared if self.kind in ACKNOWLEDGED else 0)
        return since < begun and judged < self.void_from and self.instance in (None, instance)


@dataclass
class Finding:
    kind: str
    sentence: str
    key: object
    at: float
    excerpt: str = ""


@dataclass
class Rules:
    demands: dict = field(default_factory=dict)
    findings: list = field(default_factory=list)
    judged: int = 0
    demanded: int = 0
    ignored: frozenset = frozenset()  # kinds of change of which nothing is demanded

    def demand(self, key, version, since, kind, instance=None):
        """From `since` on nobody, or this instance, answers with less than this version of the key."""
        made = Demand(version, since, kind, instance)
        if kind in self.ignored:
            return made
        self.demands.setdefault(key, []).append(made)
        return made

    def void(self, kinds, since, at):
        """Redis has forgotten what happened after `since`: what was said then by these kinds of change no longer binds."""
        for demands in self.demands.values():
            for demand in demands:
                if demand.kind in kinds and demand.instance is None and demand.since > since:
                    demand.void_from = min(demand.void_from, at)

    def void_instance(self, instance, at):
        """An instance has ended: what was demanded of it alone ends too."""
        for demands in self.demands.values():
            for demand in demands:
                if demand.instance is instance:
                    demand.void_from = min(demand.void_from, at)

    def judge(self, key, instance, version, newest, begun, now, how, spared=0.0):
        """One response: `version` is what it has, `newest` what the origin has by now. After a purge that was acknowledged,
        nothing is demanded of it for the seconds that are spared."""
        self.judged += 1
        if version > newest:
            self.find("impossible", f"{key} at {instance} has version {version}, the origin {newest}", key, now)
        binding = [demand for demand in self.demands.get(key, ()) if demand.applies(instance, begun, now, spared)]
        if not binding:
            return True
        self.demanded += 1
        broken = [demand for demand in binding if version < demand.version]
        if not broken:
            return True
        demand = max(broken, key=lambda one: one.version)
        if demand.is_broken:
            return False
        demand.is_broken = True
        late = (begun - demand.since) * 1000
        self.find(
            f"stale after {demand.kind}",
            f"{key} at {instance} is {how} version {version}; a {demand.kind} demands {demand.version} of requests that "
            f"begin after {demand.since:.3f}, and this one began {late:.0f} ms later, at {begun:.3f}",
            key, now)
        return False

    def find(self, kind, sentence, key, at):
        self.findings.append(Finding(kind, sentence, key, at))

    def forget(self):
        self.demands.clear()
