"""Histories that are each aimed at one danger: an order of events on the two connections, or a fault at its worst moment.

They hold bytes at the relay instead of hoping for an order, wait for what they see pass, and go on if it never does: what
an instance asks of Redis, and on which connection, is its own affair. What is demanded is the same in every history.
"""

import asyncio
import random
from dataclasses import dataclass

from fleet import redis_key, set_within, until
from fleet_instance import HOST
from fleet_relay import DATA, DOWN, FLEET, KINDS, TRACKING, UP, Delay

ALL = []
ALL_PAIRS = [(kind, way) for kind in KINDS for way in (UP, DOWN)]


@dataclass
class Description:
    name: str
    function: object
    arguments: tuple


def history(name, *variants):
    """Declares a history; each variant is one, with its words in the name and as argument."""
    def declare(function):
        for variant in variants or (None,):
            full = name if variant is None else f"{name}: {variant}"
            ALL.append(Description(full, function, () if variant is None else (variant,)))
        return function
    return declare


class Aimed:
    def __init__(self, description, seed, turn, fleet):
        self.description, self.fleet, self.name = description, fleet, description.name
        self.number = f"{ALL.index(description)}-{turn}-{fleet.next_number()}"
        self.rng = random.Random(f"{seed}/{description.name}/{turn}")

    async def run(self):
        fleet = self.fleet
        fleet.begin(self.name)
        self.prefix = f"/a{self.number}"
        # Which instance plays which part.
        self.a, self.b, self.c = self.rng.sample(fleet.instances, 3)
        await self.description.function(self, fleet, *self.description.arguments)
        await self.watch()
        await fleet.settle()
        fleet.check_processes()
        await fleet.heal()
        await asyncio.sleep(fleet.bound)
        for resource in self.played():
            await fleet.ask_all(resource)
            await fleet.ask_all(resource)
        await fleet.come_back(f"{self.prefix}/back")
        fleet.check_processes()

    def played(self):
        return list(self.fleet.origin.resources.values())[:8]

    def resource(self, name="x", **more):
        return self.fleet.resource(f"{self.prefix}/{name}", **more)

    async def change(self, resource, how):
        """The origin changes, and Redis or a Larder is told so. A purge by tag is only begun."""
        fleet = self.fleet
        if how == "DEL":
            await fleet.delete(resource)
        elif how == "SET":
            await fleet.overwrite(resource)
        elif how == "tag":
            fleet.spawn(fleet.purge(self.b, [resource], tags=[resource.tags[0]]))
            await asyncio.sleep(0.05)
        elif how == "XADD":
            await fleet.announce([resource], "t", resource.tags[0])
        elif how == "FLUSHALL":
            fleet.trouble()
            await fleet.flush()
        else:
            await fleet.write(self.a if how == "PUT here" else self.b, resource)

    async def watch(self, seconds=0.4, asks=10):
        """Everybody is asked for everything until well past the bound."""
        fleet = self.fleet
        end = fleet.log.now() + fleet.bound + seconds
        while fleet.log.now() < end:
            for resource in self.played():
                for instance in fleet.running:
                    fleet.spawn(fleet.ask(instance, resource))
            await asyncio.sleep((fleet.bound + seconds) / asks)

    async def past_bound(self, resource, *instances):
        """These are asked once nobody may have what was before; whoever else was asked sooner would put it right for them."""
        await asyncio.sleep(self.fleet.bound + 0.02)
        for instance in instances:
            await self.fleet.ask(instance, resource)

    def key_passes(self, instance, resource, way=UP):
        return instance.relay.passing(way, redis_key(resource.path))

    async def stored(self, resource, by=None):
        """Another instance has fetched it, so that it is in Redis and not in this one's memory."""
        by = by or self.b
        await self.fleet.ask(by, resource)
        await asyncio.sleep(0.05)


# -- the two sockets


@history("an invalidation overtakes the reply to a look-up, or is overtaken", "reply last", "invalidation last")
async def reply_and_invalidation(play, fleet, last):
    for name in ("x", "y", "z"):
        resource = play.resource(name)
        await play.stored(resource)
        passes = play.key_passes(play.a, resource)
        play.a.relay.hold((DATA, DOWN), *([(TRACKING, DOWN)] if last == "invalidation last" else []))
        asked = fleet.spawn(fleet.ask(play.a, resource))
        await set_within(passes, 1)
        await asyncio.sleep(0.03)
        await fleet.delete(resource)
        await asyncio.sleep(0.05)
        play.a.relay.release((DATA, DOWN))
        await asked
        await asyncio.sleep(0.05)
        play.a.relay.release()
        await asyncio.sleep(0.02)
        await fleet.ask(play.a, resource)
        await play.past_bound(resource, play.a)


@history("a look-up is answered across the end of a session", "reset", "not told")
async def across_sessions(play, fleet, how):
    # While the instance can't hear, the key is deleted; it hears again before it has the reply from before.
    resource = play.resource()
    await play.stored(resource)
    passes = play.key_passes(play.a, resource)
    play.a.relay.hold((DATA, DOWN))
    asked = fleet.spawn(fleet.ask(play.a, resource))
    await set_within(passes, 1)
    await asyncio.sleep(0.02)
    fleet.trouble(play.a)
    before = play.a.relay.tracking_links
    play.a.relay.cut((TRACKING,), None if how == "reset" else "instance")
    await fleet.delete(resource)
    if how == "not told":
        await asyncio.sleep(0.1)
        play.a.relay.cut((TRACKING,))
    await until(lambda: play.a.relay.tracking_links > before, 0.6)
    await asyncio.sleep(0.1)
    play.a.relay.release()
    await asked
    await play.past_bound(resource, play.a)


@history("two writers around one look-up", "reply last", "invalidation last")
async def two_writers(play, fleet, last):
    resource = play.resource()
    await play.stored(resource)
    passes = play.key_passes(play.a, resource)
    await fleet.write(play.c, resource)
    play.a.relay.hold((DATA, DOWN), *([(TRACKING, DOWN)] if last == "invalidation last" else []))
    asked = fleet.spawn(fleet.ask(play.a, resource))
    await set_within(passes, 0.5)
    await fleet.ask(play.b, resource)
    await fleet.write(play.c, resource)
    await fleet.overwrite(resource)
    await fleet.ask(play.b, resource)
    play.a.relay.release((DATA, DOWN))
    await asked
    play.a.relay.release()


# -- changes while something is fetched


@history("changed while it is fetched", "DEL", "SET", "tag", "XADD", "PUT here", "PUT elsewhere", "FLUSHALL")
async def during_fetch(play, fleet, how):
    for order in ("free", "tracking held"):
        resource = play.resource(order.replace(" ", "-"))
        gate = resource.hold()
        asked = fleet.spawn(fleet.ask(play.a, resource))
        await until(lambda: resource.waiting, 3)
        if order == "tracking held":
            play.a.relay.hold((TRACKING, DOWN))
        await play.change(resource, how)
        await asyncio.sleep(0.05)
        resource.gate = None
        gate.set()
        await asked
        await asyncio.sleep(0.05)
        play.a.relay.release()
        await fleet.ask(play.b, resource)


@history("changed while it is fetched, and asked for before the fetch is over", "DEL", "XADD")
async def joined_late(play, fleet, how):
    resource = play.resource()
    gate = resource.hold()
    fleet.spawn(fleet.ask(play.a, resource))
    await until(lambda: resource.waiting, 3)
    await play.change(resource, how)
    await asyncio.sleep(fleet.bound + 0.05)
    later = [fleet.spawn(fleet.ask(instance, resource)) for instance in fleet.instances]
    await asyncio.sleep(0.3)
    resource.gate = None
    gate.set()
    await asyncio.gather(*later)


@history("changed while it is fetched by one without Redis, which is asked for it before and after the fetch is over",
         "lost before", "lost meanwhile", "back meanwhile")
async def fetched_without_redis(play, fleet, how):
    resource = play.resource()
    gate = resource.hold()

    def lose():
        fleet.trouble(play.a)
        play.a.relay.refuses = True
        play.a.relay.cut()

    if how != "lost meanwhile":
        lose()
        await asyncio.sleep(0.1)
    asked = fleet.spawn(fleet.ask(play.a, resource))
    await until(lambda: resource.waiting, 3)
    if how == "lost meanwhile":
        lose()
    elif how == "back meanwhile":
        play.a.relay.heal()
    await fleet.delete(resource)
    await asyncio.sleep(fleet.bound + 0.05)
    later = fleet.spawn(fleet.ask(play.a, resource))
    await asyncio.sleep(0.3)
    resource.gate = None
    gate.set()
    await asyncio.gather(asked, later)
    # What came late may not be kept for as long as what came at once.
    await asyncio.sleep(0.05)
    await fleet.ask(play.a, resource)


@history("changed between the fetch and the store", "DEL", "SET", "tag", "PUT elsewhere")
async def before_store(play, fleet, how):
    # What the instance sends to Redis stands still once its fetch has begun.
    resource = play.resource()
    gate = resource.hold()
    asked = fleet.spawn(fleet.ask(play.a, resource))
    await until(lambda: resource.waiting, 3)
    play.a.relay.hold((DATA, UP))
    fleet.trouble(play.a)
    resource.gate = None
    gate.set()
    await asked
    await play.change(resource, how)
    play.a.relay.release()


@history("asked for while it is on its way to Redis, which was emptied long before")
async def on_its_way(play, fleet):
    resource = play.resource()
    gate = resource.hold()
    asked = fleet.spawn(fleet.ask(play.a, resource))
    await until(lambda: resource.waiting, 3)
    fleet.trouble()
    await fleet.flush()
    await asyncio.sleep(fleet.bound + 0.05)
    play.a.relay.set_delay(DATA, UP, Delay((0.2, 0.2)))
    resource.gate = None
    gate.set()
    await asked
    await fleet.ask(play.a, resource)


@history("changed while its content goes to Redis in pieces", "DEL", "SET", "tag", "PUT elsewhere")
async def in_pieces(play, fleet, how):
    resource = play.resource(size=6_000_000)
    passes = play.a.relay.passing(UP, "APPEND")
    asked = fleet.spawn(fleet.ask(play.a, resource))
    await set_within(passes, 3)
    play.a.relay.hold((DATA, UP))
    fleet.trouble(play.a)
    await asked
    await play.change(resource, how)
    play.a.relay.release()


@history("fetched across the loss of connections", "tracking", "data", "both")
async def fetch_across_loss(play, fleet, what):
    resource = play.resource()
    gate = resource.hold()
    asked = fleet.spawn(fleet.ask(play.a, resource))
    await until(lambda: resource.waiting, 3)
    fleet.trouble(play.a)
    play.a.relay.cut({"tracking": (TRACKING,), "data": (DATA,), "both": KINDS}[what])
    await fleet.delete(resource)
    await asyncio.sleep(0.5)
    resource.gate = None
    gate.set()
    await asked


@history("fetched without a placeholder, and then changed", "DEL", "SET")
async def fetched_alone(play, fleet, how):
    # Redis doesn't reply until the instance asks the origin without it, and is there again when it has the response.
    resource = play.resource()
    gate = resource.hold()
    fleet.trouble(play.a)
    play.a.relay.hold((DATA, DOWN))
    asked = fleet.spawn(fleet.ask(play.a, resource))
    await until(lambda: resource.waiting, 5)
    play.a.relay.release()
    for number in range(40):
        other = play.resource(f"other-{number}")
        await fleet.ask(play.a, other)
        await asyncio.sleep(0.05)
        answer = await fleet.ask(play.a, other)
        if answer and answer.cache == "HIT":
            break
    await play.change(resource, how)
    resource.gate = None
    gate.set()
    await asked


@history("the one that fetches is killed, and others wait")
async def leader_killed(play, fleet):
    resource = play.resource()
    gate = resource.hold()
    fleet.spawn(fleet.ask(play.a, resource))
    await until(lambda: resource.waiting, 3)
    waiting = [fleet.spawn(fleet.ask(instance, resource)) for instance in (play.b, play.c)]
    await asyncio.sleep(0.1)
    restarted = fleet.spawn(fleet.restart(play.a, 0.2))
    resource.gate = None
    await restarted
    gate.set()  # what the others ask the origin for themselves; who waits for the one that was killed must ask it in the end
    await asyncio.gather(*waiting)
    await fleet.delete(resource)


@history("the one that fetches is stopped for longer than its placeholder stands, and comes back to store", "DEL", "SET")
async def leader_paused(play, fleet, how):
    resource = play.resource()
    gate = resource.hold()
    fleet.spawn(fleet.ask(play.a, resource))
    await until(lambda: resource.waiting, 3)
    paused = fleet.spawn(fleet.pause(play.a, 3.6))
    await asyncio.sleep(0.1)
    resource.gate = None
    gate.set()
    await asyncio.sleep(3.2)
    await fleet.ask(play.b, resource)
    await play.change(resource, how)
    await paused


# -- losing connections, with copies in memory


@history("cut, and then changed", *(f"{what}, {who}" for what in ("tracking", "data", "both")
                                    for who in ("reset", "instance not told", "redis not told", "nobody told")))
async def cut_then_changed(play, fleet, how):
    what, who = how.split(", ")
    resources = [play.resource(name) for name in ("x", "y")]
    await fleet.warm(*resources)
    fleet.trouble(play.a)
    play.a.relay.cut({"tracking": (TRACKING,), "data": (DATA,), "both": KINDS}[what],
                     None if who == "reset" else {"instance": "instance", "redis": "redis", "nobody": "both"}[who.split()[0]])
    await fleet.delete(resources[0])
    await fleet.announce([resources[1]], "t", resources[1].tags[0])


@history("stalled, and then changed", *(f"{what} for {how}" for what in ("tracking", "data", "both", "replies")
                                        for how in ("less than grace", "more than grace")))
async def stalled(play, fleet, how):
    what, length = how.split(" for ")
    resources = [play.resource(name) for name in ("x", "y", "z")]
    await fleet.warm(*resources)
    pairs = {"tracking": [(TRACKING, UP), (TRACKING, DOWN)], "data": [(DATA, UP), (DATA, DOWN)], "both": ALL_PAIRS,
             "replies": [(kind, DOWN) for kind in KINDS]}[what]
    fleet.trouble(play.a)
    play.a.relay.hold(*pairs)
    await fleet.delete(resources[0])
    await fleet.announce([resources[1]], "t", resources[1].tags[0])
    fleet.spawn(fleet.purge(play.b, [resources[2]], tags=[resources[2].tags[0]]))
    if length == "more than grace":
        await play.watch(2 * fleet.options.bound)
    else:
        await asyncio.sleep(0.4 * fleet.options.bound)
    play.a.relay.release()


@history("what Redis has to say piles up until it gives up")
async def output_buffer(play, fleet):
    resource = play.resource()
    await fleet.warm(resource)
    await fleet.said("CONFIG", "CONFIG", "SET", "client-output-buffer-limit", "pubsub 256kb 64kb 1")
    fleet.trouble(play.a)
    play.a.relay.stop_reading(TRACKING, True)
    for number in range(40):
        await fleet.redis.app.pipeline([["SET", f"larder:filler:{number}:{one}:{'x' * 200}", "1", "PX", "3000"]
                                        for one in range(250)], within=20)
    await fleet.delete(resource)
    await play.watch()
    play.a.relay.stop_reading(TRACKING, False)


# -- purges


def purge_of(how, resource):
    return {"url": {"urls": [f"http://{HOST}{resource.path}"]}, "tag": {"tags": [resource.tags[0]]},
            "prefix": {"prefixes": [f"http://{HOST}{resource.path}"]}, "host": {"hosts": [HOST]}, "all": {"all": True},
            "soft": {"tags": [resource.tags[0]], "soft": True}}[how]


@history("purged while everybody has a copy", "url", "tag", "prefix", "host", "all", "soft")
async def purged(play, fleet, how):
    for turn in range(3):
        resource = play.resource(f"x{turn}")
        await fleet.warm(resource)
        await fleet.purge(play.rng.choice(fleet.running), [resource], **purge_of(how, resource))
        await fleet.ask_all(resource)


@history("purged before, while and after the reply to a look-up is under way", "tag", "url")
async def purge_and_reply(play, fleet, how):
    resource = play.resource()
    await play.stored(resource)
    passes = play.key_passes(play.a, resource)
    play.a.relay.hold((DATA, DOWN))
    asked = fleet.spawn(fleet.ask(play.a, resource))
    await set_within(passes, 1)
    done = fleet.spawn(fleet.purge(play.b, [resource], **purge_of(how, resource)))
    await asyncio.sleep(0.1)
    play.a.relay.release()
    await asyncio.gather(asked, done)
    await fleet.ask_all(resource)


@history("purged while an instance is", "killed", "stopped", "cut off", "silent", "starting", "leaving", "reloading")
async def purge_with_one_away(play, fleet, how):
    resources = [play.resource(name) for name in ("x", "y")]
    await fleet.warm(*resources)
    fault = None
    if how in ("killed", "starting", "leaving"):
        fault = fleet.spawn(fleet.restart(play.a, 0 if how == "starting" else 0.5, orderly=how == "leaving"))
    elif how == "stopped":
        fault = fleet.spawn(fleet.pause(play.a, 2 * fleet.options.bound))
    elif how == "reloading":
        play.a.reload()
    else:
        fleet.trouble(play.a)
        if how == "silent":
            play.a.relay.hold(*ALL_PAIRS)
        else:
            play.a.relay.refuses = True
            play.a.relay.cut()
    if how == "starting":
        await asyncio.sleep(0.08)
    purges = [fleet.spawn(fleet.purge(play.b, [resources[0]], tags=[resources[0].tags[0]])),
              fleet.spawn(fleet.purge(play.c, [resources[1]], urls=[f"http://{HOST}{resources[1].path}"]))]
    while not all(task.done() for task in purges):
        for resource in resources:
            if play.a.is_ready:
                fleet.spawn(fleet.ask(play.a, resource))
        await asyncio.sleep(0.05)
    # At once after the 200, also of one that is stopped and answers when it goes on.
    for resource in resources:
        if play.a.is_ready:
            fleet.spawn(fleet.ask(play.a, resource))
    await play.watch()
    if fault:
        await fault
    play.a.relay.heal()


@history("purged right after Redis lost everything, with one that hasn't noticed")
async def young_registry(play, fleet):
    resource = play.resource()
    await fleet.warm(resource)
    fleet.trouble()
    play.a.relay.cut(silent="instance")
    play.a.relay.swallows = True
    await fleet.crash_redis()
    await fleet.purge(play.b, [resource], tags=[resource.tags[0]])
    await fleet.ask(play.a, resource)


@history("a purge in the stream, and no connection but the tracking one moves")
async def stream_without_data(play, fleet):
    resource = play.resource()
    await fleet.warm(resource)
    fleet.trouble(play.a)
    play.a.relay.hold(*((kind, way) for kind, way in ALL_PAIRS if kind != TRACKING))
    await fleet.announce([resource], "t", resource.tags[0])


@history("purged while an instance hears nothing of it, and reads what Redis has", "tag", "soft", "prefix")
async def out_of_touch(play, fleet, how):
    resource = play.resource()
    await play.stored(resource)
    fleet.trouble(play.a)
    play.a.relay.hold(*((kind, way) for kind, way in ALL_PAIRS if kind != DATA))
    await fleet.purge(play.b, [resource], **purge_of(how, resource))
    await fleet.ask(play.a, resource)
    await play.watch()
    play.a.relay.release()


# -- nothing fails


@history("nothing fails, and everybody is asked until the change is there", "DEL", "SET", "XADD", "eviction", "url", "tag",
         "prefix", "host", "all", "PUT")
async def how_soon(play, fleet, how, circumstance=""):
    # How long it takes is printed; what is demanded is what is always demanded.
    for turn in range(5):
        resource = play.resource(f"x{turn}")
        await fleet.warm(resource)
        if how in ("DEL", "SET", "XADD"):
            await play.change(resource, how)
        elif how == "PUT":
            await fleet.write(play.a, resource)
        elif how == "eviction":
            fleet.changed(resource)
            await fleet.evict()
            if await fleet.said("EXISTS", "EXISTS", redis_key(resource.path)) != 0:
                continue
        else:
            done = await fleet.purge(play.a, [resource], **purge_of(how, resource))
            if not done or done.status != 200:
                return
        began = fleet.log.now()
        missing = list(fleet.running)
        while missing and fleet.log.now() < began + 3:
            answers = await asyncio.gather(*(fleet.ask(instance, resource) for instance in missing))
            missing = [instance for instance, answer in zip(missing, answers)
                       if not answer or answer.version != resource.version]
            if missing:
                await asyncio.sleep(0.002)
        fleet.note_seconds(f"{how} until everybody has it{circumstance}", fleet.log.now() - began)


# -- Redis


@history("Redis is restarted", "empty", "empty, after a pause", "rolled back")
async def redis_restarted(play, fleet, how):
    resources = [play.resource(name) for name in ("x", "y")]
    await fleet.warm(*resources)
    if how == "rolled back":
        await fleet.snapshot()
        await fleet.purge(play.a, [resources[0]], tags=[resources[0].tags[0]])
        await fleet.crash_redis(rolled_back=True)
    else:
        await fleet.delete(resources[0])
        await fleet.crash_redis(pause=1.0 if "pause" in how else 0)
        await fleet.purge(play.b, [resources[1]], tags=[resources[1].tags[0]])


@history("Redis is rolled back while a purge waits for everybody")
async def rolled_back_meanwhile(play, fleet):
    # The purge is in the stream, and one instance hasn't applied it; then it isn't in the stream any more.
    resource = play.resource()
    await fleet.warm(resource)
    await fleet.snapshot()
    fleet.trouble()
    play.a.relay.hold((TRACKING, UP), (TRACKING, DOWN))
    done = fleet.spawn(fleet.purge(play.b, [resource], tags=[resource.tags[0]]))
    await asyncio.sleep(0.3 * fleet.options.bound)
    await fleet.crash_redis(rolled_back=True)
    play.a.relay.release()
    await done
    await fleet.ask_all(resource)


@history("purged right after Redis came back without anybody's signs of life, with one that hasn't noticed")
async def old_registry(play, fleet):
    resource = play.resource()
    await fleet.warm(resource)
    await fleet.snapshot()
    await play.watch(2 * fleet.options.bound)
    fleet.trouble()
    play.a.relay.cut(silent="instance")
    play.a.relay.swallows = True
    await fleet.crash_redis(rolled_back=True)
    await fleet.purge(play.b, [resource], tags=[resource.tags[0]])
    await fleet.ask(play.a, resource)


@history("Redis is flushed", "this database", "another")
async def flushed(play, fleet, how):
    resource = play.resource()
    await fleet.warm(resource)
    if how == "another":
        await fleet.redis.app.pipeline([["SELECT", "3"], ["SET", "x", "1"], ["FLUSHDB"], ["SELECT", "0"]])
        await fleet.delete(resource)
    else:
        fleet.trouble()
        await fleet.flush()


@history("Redis evicts", "an entry", "a placeholder")
async def evicted(play, fleet, what):
    resource = play.resource()
    gate = None
    if what == "an entry":
        await fleet.warm(resource)
        await fleet.evict()
        await fleet.delete(resource)
    else:
        gate = resource.hold()
        asked = fleet.spawn(fleet.ask(play.a, resource))
        await until(lambda: resource.waiting, 3)
        await fleet.evict()
        await fleet.delete(resource)
        resource.gate = None
        gate.set()
        await asked


# -- writes, expiry, reloads


@history("written while Redis can't be told", "cut", "stalled")
async def written_while_away(play, fleet, how):
    resource = play.resource()
    await fleet.warm(resource)
    fleet.trouble(play.a)
    if how == "cut":
        play.a.relay.refuses = True
        play.a.relay.cut()
    else:
        play.a.relay.hold(*ALL_PAIRS)
    await fleet.write(play.a, resource)
    version = resource.version
    await fleet.ask(play.a, resource)
    await asyncio.sleep(0.3)
    play.a.relay.heal()
    # It is told once it can be; what is kept goes first, so whoever is served by Redis again has told it.
    await fleet.come_back(f"{play.prefix}/told")
    fleet.rules.demand(resource, version, fleet.log.now() + fleet.bound, "PUT that was kept")
    await play.past_bound(resource, play.b, play.c)


@history("an entry ends by itself")
async def expired(play, fleet):
    resource = play.resource(max_age=1)
    await fleet.warm(resource)
    version = fleet.changed(resource)
    fleet.rules.demand(resource, version, fleet.log.now() + 2.5, "expiry")
    await asyncio.sleep(2.5)


@history("reloads while keys are deleted")
async def reloading(play, fleet):
    resources = [play.resource(f"x{number}") for number in range(4)]
    await fleet.warm(*resources)
    for number in range(8):
        fleet.instances[number % 3].reload()
        await fleet.delete(resources[number % 4])
        for instance in fleet.running:
            fleet.spawn(fleet.ask(instance, play.rng.choice(resources)))
        await asyncio.sleep(0.15)
