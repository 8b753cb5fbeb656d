"""A random history: requests, changes and faults at times that the seed fixes, most of them near each other.

The plan is made before anything happens, so that a seed repeats it. How the processes meet is the machine's: the same
seed makes a finding likely, not certain.
"""

import asyncio
import random
import signal

from fleet_instance import HOST
from fleet_relay import DATA, DOWN, FLEET, KINDS, TRACKING, UP, WAYS, Delay

PROFILES = {
    "prompt": {},
    "tracking late": {(TRACKING, DOWN): Delay((0.01, 0.15), (0.15, 0.4), 0.1)},
    "data late": {(DATA, DOWN): Delay((0.01, 0.12), (0.12, 0.4), 0.1)},
    "commands late": {(DATA, UP): Delay((0.01, 0.12), (0.12, 0.4), 0.1)},
    "spikes": {(kind, way): Delay((0, 0.003), (0.02, 0.3), 0.08) for kind in KINDS for way in WAYS},
    "far away": {(kind, way): Delay((0.02, 0.03)) for kind in KINDS for way in WAYS},
}

# What a history is about, how often, and which faults it may have.
THEMES = {
    "nothing fails": (3, []),
    "connections": (5, ["hold", "hold", "cut", "cut", "refuse", "swallow", "unread"]),
    "instances": (3, ["kill", "pause", "pause", "reload", "leave"]),
    "Redis": (3, ["empty", "stop redis", "drop clients", "evict", "other database", "forget scripts", "flush"]),
    "everything": (2, ["hold", "cut", "refuse", "kill", "pause", "reload", "empty", "drop clients", "flush", "evict"]),
    "Redis rolled back": (1, ["roll back"]),
}

CHANGES = {
    "DEL": 5, "UNLINK": 1, "SET": 2, "tag in the stream": 3, "prefix in the stream": 1, "everything in the stream": 1,
    "purge url": 3, "purge tag": 4, "purge prefix": 2, "purge host": 1, "purge all": 1, "soft purge tag": 1, "PUT": 4, "DELETE": 1,
}


def weighted(rng, table):
    names = list(table)
    return rng.choices(names, [table[name] for name in names])[0]


class RandomHistory:
    def __init__(self, seed, number, fleet):
        self.rng, self.number, self.fleet = random.Random(f"{seed}/{number}"), number, fleet
        rng = self.rng
        self.theme = weighted(rng, {name: weight for name, (weight, _) in THEMES.items()})
        self.name = f"random history {number}: {self.theme}"
        grace = fleet.options.bound
        self.seconds = rng.uniform(3, 5) + 2 * grace
        self.resources = []
        self.plan = self.make_plan(grace)

    def make_plan(self, grace):
        rng, fleet, end = self.rng, self.fleet, self.seconds
        instances, keys = range(len(fleet.instances)), range(rng.randint(3, 7))
        self.kinds = [self.resource_kind() for _ in keys]
        plan = []

        def at(time, verb, *arguments):
            plan.append((max(0.0, min(time, end)), len(plan), verb, arguments))

        for instance in instances:
            for key in keys:
                at(rng.uniform(0, 0.8), "ask", instance, key)
            at(0, "profile", instance, weighted(rng, {"prompt": 3, "tracking late": 2, "data late": 2, "commands late": 1,
                                                        "spikes": 2, "far away": 1}))
        for _ in range(rng.randint(60, 160)):
            at(rng.uniform(0, end), "ask", rng.choice(instances), rng.choice(keys))
        times = []
        changes = CHANGES if self.theme != "Redis rolled back" else {"purge url": 1, "purge tag": 2, "purge prefix": 1}
        for _ in range(rng.randint(4, 12)):
            time, key, kind = rng.uniform(0.8, end - grace - 0.8), rng.choice(keys), weighted(rng, changes)
            times.append(time)
            at(time, "change", kind, rng.choice(instances), key)
            # Some who race with the change, and some who come when it must be over.
            for instance in instances:
                for _ in range(rng.randint(0, 3)):
                    at(time + rng.uniform(-0.05, 0.05), "ask", instance, key)
                for _ in range(rng.randint(1, 3)):
                    at(time + fleet.bound + rng.uniform(0, 1), "ask", instance, key)

        def near():
            return rng.choice(times) + rng.uniform(-0.7, 0.4) if rng.random() < 0.7 else rng.uniform(0.5, end - 1)

        faults = THEMES[self.theme][1]
        rolled_back = False
        for _ in range(rng.randint(1, 3) if faults else 0):
            fault, time = rng.choice(faults), max(0.5, near())
            if fault == "roll back":
                if not rolled_back:
                    at(time - rng.uniform(0.01, 0.8), "snapshot")
                    at(time, "roll back")
                rolled_back = True
                continue
            at(time, fault, *self.fault_arguments(fault, instances, grace))
        for _ in range(rng.randint(0, 2)):
            at(rng.uniform(0.5, end), "profile", rng.choice(instances), rng.choice(list(PROFILES)))
        return sorted(plan)

    def resource_kind(self):
        rng = self.rng
        size = rng.choice([40, 40, 200, 3000, 3000, 90_000, 400_000, 1_500_000])
        slow = rng.choice([0, 0.01, 0.05, 0.2, 0.8, 2.5 if rng.random() < 0.3 else 0])
        return {
            "size": size, "max_age": rng.choice([60, 60, 60, 2]), "think": lambda draw: draw.uniform(0.5, 1.5) * slow,
            "read": rng.choice([lambda draw: draw.random(), lambda draw: 0.0]),
            "send": (lambda draw: draw.uniform(0, 0.3)) if size > 50_000 and rng.random() < 0.5 else lambda draw: 0.0,
        }

    def fault_arguments(self, fault, instances, grace):
        rng = self.rng
        seconds = rng.choice([rng.uniform(0.1, 0.9) * grace, rng.uniform(1, 3) * grace])
        kinds = rng.choice([(TRACKING,), (TRACKING,), (DATA,), (FLEET,), KINDS])
        if fault == "hold":
            return rng.choice(instances), kinds, rng.choice([WAYS, (UP,), (DOWN,)]), seconds
        if fault == "cut":
            return rng.choice(instances), kinds, rng.choice([None, None, "instance", "redis", "both"])
        if fault in ("refuse", "swallow"):
            return rng.choice(instances), seconds
        if fault == "unread":
            return rng.choice(instances), rng.choice(KINDS), seconds
        if fault == "pause":
            # Shorter than the lease, longer than it, or longer than a placeholder stands.
            return rng.choice(instances), rng.choice([seconds, seconds, 3.5])
        if fault in ("kill", "leave"):
            return rng.choice(instances), rng.uniform(0, 1)
        if fault == "reload":
            return (rng.choice(instances),)
        if fault in ("empty", "stop redis"):
            return (rng.uniform(0, 1.5),)
        return ()

    async def run(self):
        fleet = self.fleet
        fleet.begin(self.name)
        # A history that is run twice doesn't find what was stored the first time.
        self.place = f"/r{self.number}-{fleet.next_number()}"
        self.resources = [fleet.resource(f"{self.place}/{key}", **kind) for key, kind in enumerate(self.kinds)]
        loop = asyncio.get_running_loop()
        began = loop.time()
        for time, _, verb, arguments in self.plan:
            await asyncio.sleep(max(0, began + time - loop.time()))
            fleet.spawn(getattr(self, verb.replace(" ", "_"))(*arguments))
        await fleet.settle()
        fleet.check_processes()
        await fleet.heal()
        await asyncio.sleep(fleet.bound)
        for _ in range(2):
            for resource in self.resources:
                await fleet.ask_all(resource)
        await fleet.come_back(f"{self.place}/back")
        fleet.check_processes()

    # -- what the plan is made of

    def running(self, index):
        instance = self.fleet.instances[index]
        return instance if instance in self.fleet.running else None

    async def ask(self, index, key):
        instance = self.fleet.instances[index]
        # Whoever asks a process that is stopped waits until it goes on.
        if instance.is_ready:
            await self.fleet.ask(instance, self.resources[key])

    async def change(self, kind, index, key):
        fleet, resource = self.fleet, self.resources[key]
        instance = self.running(index) or next(iter(fleet.running), None)
        prefix, host = f"http://{HOST}{self.place}/", HOST
        if kind in ("DEL", "UNLINK"):
            await fleet.delete(resource, kind)
        elif kind == "SET":
            await fleet.overwrite(resource)
        elif kind == "tag in the stream":
            await fleet.announce([resource], "t", resource.tags[0])
        elif kind == "prefix in the stream":
            await fleet.announce(self.resources, "p", prefix)
        elif kind == "everything in the stream":
            await fleet.announce(self.resources, "e", "1")
        elif not instance:
            return
        elif kind in ("PUT", "DELETE"):
            await fleet.write(instance, resource, kind)
        elif kind == "purge url":
            await fleet.purge(instance, [resource], urls=[f"http://{HOST}{resource.path}"])
        elif kind == "purge tag":
            await fleet.purge(instance, [resource], tags=[resource.tags[0]])
        elif kind == "soft purge tag":
            await fleet.purge(instance, [resource], tags=[resource.tags[0]], soft=True)
        elif kind == "purge prefix":
            await fleet.purge(instance, self.resources, prefixes=[prefix])
        elif kind == "purge host":
            await fleet.purge(instance, self.resources, hosts=[host])
        elif kind == "purge all":
            await fleet.purge(instance, self.resources, all=True)

    async def profile(self, index, name):
        relay = self.fleet.instances[index].relay
        self.fleet.log.note(f"{self.fleet.instances[index]}'s way to Redis: {name}")
        for kind in KINDS:
            for way in WAYS:
                relay.set_delay(kind, way, PROFILES[name].get((kind, way), Delay()))

    def troubled(self, index, what):
        instance = self.fleet.instances[index]
        self.fleet.trouble(instance)
        self.fleet.log.note(f"{instance}: {what}")
        return instance.relay

    async def hold(self, index, kinds, ways, seconds):
        pairs = [(kind, way) for kind in kinds for way in ways]
        relay = self.troubled(index, f"{', '.join(kinds)} {' and '.join(ways)} stalls for {seconds:.2f} s")
        relay.hold(*pairs)
        await asyncio.sleep(seconds)
        relay.release(*pairs)
        self.fleet.log.note(f"{self.fleet.instances[index]}: the stall is over")

    async def cut(self, index, kinds, silent):
        self.troubled(index, f"{', '.join(kinds)} cut" + (f", {silent} not told" if silent else "")).cut(kinds, silent)

    async def refuse(self, index, seconds):
        relay = self.troubled(index, f"all connections cut, new ones refused for {seconds:.2f} s")
        relay.refuses = True
        relay.cut()
        await asyncio.sleep(seconds)
        relay.refuses = False

    async def swallow(self, index, seconds):
        relay = self.troubled(index, f"all connections cut silently, new ones lead nowhere for {seconds:.2f} s")
        relay.swallows = True
        relay.cut(silent="instance")
        await asyncio.sleep(seconds)
        relay.swallows = False

    async def unread(self, index, kind, seconds):
        relay = self.troubled(index, f"nothing is read from {kind} for {seconds:.2f} s")
        relay.stop_reading(kind, True)
        await asyncio.sleep(seconds)
        relay.stop_reading(kind, False)

    async def kill(self, index, pause):
        if instance := self.running(index):
            await self.fleet.restart(instance, pause)

    async def leave(self, index, pause):
        if instance := self.running(index):
            await self.fleet.restart(instance, pause, orderly=True)

    async def pause(self, index, seconds):
        if instance := self.running(index):
            await self.fleet.pause(instance, seconds)

    async def reload(self, index):
        if instance := self.running(index):
            instance.reload()

    async def empty(self, pause):
        await self.fleet.crash_redis(pause=pause)

    async def snapshot(self):
        await self.fleet.snapshot()

    async def roll_back(self):
        await self.fleet.crash_redis(rolled_back=True)

    async def stop_redis(self, seconds):
        self.fleet.trouble()
        self.fleet.log.note(f"Redis is stopped for {seconds:.2f} s")
        self.fleet.redis.process.signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        self.fleet.redis.process.signal(signal.SIGCONT)
        self.fleet.log.note("Redis goes on")

    async def drop_clients(self):
        self.fleet.trouble()
        self.fleet.log.note("Redis closes the connections of all clients")
        for kind in ("normal", "pubsub"):
            await self.fleet.said("CLIENT", "CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")

    async def other_database(self):
        self.fleet.log.note("another database is flushed")
        await self.fleet.redis.app.pipeline([["SELECT", "3"], ["FLUSHDB"], ["SELECT", "0"]])

    async def forget_scripts(self):
        await self.fleet.said("SCRIPT FLUSH", "SCRIPT", "FLUSH")

    async def flush(self):
        self.fleet.trouble()
        await self.fleet.flush()

    async def evict(self):
        await self.fleet.evict()
