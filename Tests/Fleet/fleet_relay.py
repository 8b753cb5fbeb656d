"""The way between one instance and Redis: a TCP relay that delays, holds, stalls, cuts and half-opens connections.

A connection is the tracking connection if its first commands ask for its own number, or say TRACKING or SUBSCRIBE, that of
the fleet if they name its members, and a data connection otherwise; so each of the sockets can be made the later one. Order
within a connection is always kept.
"""

import asyncio
import collections
import random

TRACKING, DATA, FLEET = "tracking", "data", "fleet"
KINDS = (TRACKING, DATA, FLEET)
UP, DOWN = "up", "down"  # towards Redis, and towards the instance
WAYS = (UP, DOWN)
PENDING_BYTES = 8 << 20

# The first of these is CLIENT ID, to which a connection that is going to track needs the reply.
TRACKING_WORDS = (b"\r\nID\r\n", b"TRACKING", b"SUBSCRIBE")
FLEET_WORD = b"{LARDER:}FLEET"


class Delay:
    """How late bytes are, drawn for each arrival: mostly `usual`, with a share of `rare`; both are ranges in seconds."""

    def __init__(self, usual=(0, 0), rare=(0, 0), share=0.0):
        self.usual, self.rare, self.share = usual, rare, share

    def draw(self, rng):
        return rng.uniform(*(self.rare if rng.random() < self.share else self.usual))

    def __str__(self):
        low, high = (round(value * 1000) for value in self.usual)
        return f"{low}-{high} ms" + (f", {self.share:.0%} up to {self.rare[1] * 1000:.0f} ms" if self.share else "")


class Side(asyncio.Protocol):
    """One end of a link. Bytes that come in here leave at the other end."""

    def __init__(self, link, way):
        self.link, self.way = link, way
        self.transport, self.queue, self.queued, self.last, self.timer = None, collections.deque(), 0, 0.0, None
        self.other, self.is_closed, self.is_paused = None, False, False

    def connection_made(self, transport):
        self.transport = transport
        self.link.side_opened(self)

    def data_received(self, data):
        self.link.received(self.way, data)
        loop = asyncio.get_running_loop()
        due = max(self.last, loop.time() + self.link.delay(self.way))
        self.last = due
        self.queue.append((due, data))
        self.queued += len(data)
        if self.queued > PENDING_BYTES and not self.is_paused:
            self.is_paused = True
            self.transport.pause_reading()
        self.flush()

    def flush(self):
        """Passes on what is due, unless this way is held."""
        if self.timer:
            self.timer.cancel()
            self.timer = None
        loop, link = asyncio.get_running_loop(), self.link
        while self.queue and not link.is_held(self.way) and not link.is_mute and self.other.transport:
            due, data = self.queue[0]
            if due > loop.time():
                self.timer = loop.call_at(due, self.flush)
                break
            self.queue.popleft()
            self.queued -= len(data)
            if not self.other.is_closed:
                self.other.transport.write(data)
        if self.is_paused and self.queued < PENDING_BYTES // 2 and not link.relay.reads_stopped[link.kind]:
            self.is_paused = False
            self.transport.resume_reading()
        if self.is_closed and not self.queue and not link.is_mute:
            self.other.close()

    def connection_lost(self, error):
        self.is_closed = True
        if not self.link.is_mute:
            self.flush()
        self.link.side_closed()

    def close(self):
        if self.transport and not self.is_closed:
            self.transport.close()

    def abort(self):
        if self.transport and not self.is_closed:
            self.transport.abort()


class Link:
    """One connection of the instance, and the relay's own to Redis for it."""

    def __init__(self, relay, number):
        self.relay, self.number, self.kind, self.is_mute = relay, number, DATA, False
        self.rng = random.Random(f"{relay.seed}/{number}")
        self.near, self.far = Side(self, UP), Side(self, DOWN)
        self.near.other, self.far.other = self.far, self.near
        self.first = b""

    def side_opened(self, side):
        if side is self.near:
            self.relay.links.append(self)
            asyncio.get_running_loop().create_task(self.connect())
        else:
            self.near.flush()

    async def connect(self):
        relay = self.relay
        if relay.refuses:
            return self.near.abort()
        if relay.swallows:
            self.is_mute = True
            return
        try:
            await asyncio.get_running_loop().create_connection(lambda: self.far, "127.0.0.1", relay.target)
        except OSError:
            self.near.abort()

    def side_closed(self):
        if self.near.is_closed and (self.far.is_closed or not self.far.transport) and self in self.relay.links:
            self.relay.links.remove(self)

    def received(self, way, data):
        if way == UP and len(self.first) < 4096:
            self.first += data[:4096]
            if self.kind == DATA and any(word in self.first.upper() for word in TRACKING_WORDS):
                self.kind = TRACKING
                self.relay.tracking_links += 1
            elif self.kind == DATA and FLEET_WORD in self.first.upper():
                self.kind = FLEET
        self.relay.saw(self, way, data)

    def delay(self, way):
        return self.relay.delays[self.kind, way].draw(self.rng)

    def is_held(self, way):
        return (self.kind, way) in self.relay.held

    def flush(self):
        self.near.flush()
        self.far.flush()

    def cut(self, silent=None):
        """Ends the connection. `silent` names the side ("instance", "redis", or "both") that isn't told."""
        if silent:
            self.is_mute = True
        if silent != "both":
            if silent != "instance":
                self.near.abort()
            if silent != "redis":
                self.far.abort()
        if not silent:
            self.is_mute = True


class Relay:
    """All connections of one instance to Redis."""

    def __init__(self, target, seed, log=None):
        self.target, self.seed, self.log = target, seed, log
        self.links, self.count, self.tracking_links, self.server, self.port = [], 0, 0, None, None
        self.seen = collections.Counter()
        self.waiters = []
        self.healed()

    def healed(self):
        self.delays = {(kind, way): Delay() for kind in KINDS for way in WAYS}
        self.held = set()
        self.reads_stopped = {kind: False for kind in KINDS}
        self.refuses = self.swallows = False

    async def start(self):
        def made():
            self.count += 1
            return Link(self, self.count).near

        self.server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]

    def chosen(self, kinds):
        return [link for link in list(self.links) if link.kind in kinds]

    def set_delay(self, kind, way, delay):
        self.delays[kind, way] = delay

    def hold(self, *pairs):
        """Bytes of these (kind, way) pairs go no further until they are released; the connections stay."""
        self.held |= set(pairs)

    def release(self, *pairs):
        self.held -= set(pairs or self.held)
        for link in list(self.links):
            link.flush()

    def cut(self, kinds=KINDS, silent=None):
        for link in self.chosen(kinds):
            link.cut(silent)

    def stop_reading(self, kind, stopped):
        """Whether nothing is read from Redis any more, so that what it sends piles up there."""
        self.reads_stopped[kind] = stopped
        for link in self.chosen((kind,)):
            if link.far.transport and not link.far.is_closed:
                link.far.is_paused = stopped
                (link.far.transport.pause_reading if stopped else link.far.transport.resume_reading)()

    def heal(self):
        """No faults any more. Connections that hang for ever are ended, as TCP would in the end."""
        for link in list(self.links):
            if link.is_mute:
                link.near.abort()
                link.far.abort()
        stopped = [kind for kind in KINDS if self.reads_stopped[kind]]
        for kind in stopped:
            self.stop_reading(kind, False)
        self.healed()
        self.release()

    # -- what passes, for those who wait for it

    def saw(self, link, way, data):
        for waiter in list(self.waiters):
            kind, way_wanted, words, event = waiter
            if kind in (None, link.kind) and way == way_wanted and any(word in data for word in words):
                event.set()

    def passing(self, way, *words, kind=None):
        """An event that is set once bytes with one of these words have arrived here on their way."""
        event = asyncio.Event()
        self.waiters.append((kind, way, [word.encode() if isinstance(word, str) else word for word in words], event))
        return event

    def forget_waiters(self):
        self.waiters.clear()

    def stop(self):
        if self.server:
            self.server.close()
        for link in list(self.links):
            link.near.abort()
            link.far.abort()
