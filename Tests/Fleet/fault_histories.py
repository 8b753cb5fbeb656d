"""Histories in which clients ask and an application changes what they ask for, all the time: nothing fails, or Redis does.

What is demanded is what is always demanded, of every response that comes meanwhile: no client sees an error, nothing is
stale past its bound, and once Redis is back, HITs are too. And no invalidation is lost: what clients wrote through Larders
while Redis could not be told holds everywhere once it can.
"""

import asyncio
import signal

from aimed_histories import history, how_soon
from child_process import free_port
from fleet_relay import KINDS, WAYS, Delay

FAULT_SECONDS = 2.5  # longer than the grace, than the silence after which a connection is given up, and than store.timeout
SLOW = Delay((0.05, 0.05))  # each way


class Load:
    """Clients of all instances, and an application that changes resources and says so, until they are stopped."""

    def __init__(self, play, fleet, resources):
        self.play, self.fleet, self.resources = play, fleet, resources
        self.is_over, self.writes = False, []
        for _ in range(fleet.options.clients):
            fleet.spawn(self.client())
        for how in ("DEL", "PUT", "tag"):
            fleet.spawn(self.application(how))

    async def client(self):
        while not self.is_over:
            await self.fleet.ask(self.play.rng.choice(self.fleet.instances), self.play.rng.choice(self.resources))
            await asyncio.sleep(0.01)

    async def application(self, how):
        fleet, rng = self.fleet, self.play.rng
        while not self.is_over:
            resource, instance = rng.choice(self.resources), rng.choice(fleet.instances)
            if how == "DEL":
                await fleet.delete(resource)
            elif how == "tag":
                await fleet.purge(instance, [resource], tags=[resource.tags[0]])
            else:
                begun = fleet.log.now()
                response = await fleet.write(instance, resource)
                if response and response.status == 200:
                    self.writes.append((begun, resource, int(response.fields["x-version"])))
            await asyncio.sleep(rng.uniform(0.05, 0.25))

    async def stop(self, kept_since):
        """Ends it once Redis is back, and demands of all instances what was written through one since then."""
        fleet = self.fleet
        await fleet.heal()
        # What an instance has kept goes to Redis before anything else does.
        await fleet.come_back(f"{self.play.prefix}/told")
        # Load goes on for a while without faults.
        await asyncio.sleep(fleet.bound)
        self.is_over = True
        await fleet.settle()
        for begun, resource, version in self.writes:
            if begun >= kept_since:
                fleet.rules.demand(resource, version, fleet.log.now() + fleet.bound, "PUT while Redis was away")


async def killed(fleet):
    await fleet.crash_redis(pause=FAULT_SECONDS)


async def restarted_thrice(fleet):
    for _ in range(3):
        await fleet.crash_redis()
        await asyncio.sleep(0.5)


async def hung(fleet):
    fleet.trouble()
    fleet.redis.process.signal(signal.SIGSTOP)
    fleet.log.note("Redis is stopped (SIGSTOP)")
    await asyncio.sleep(FAULT_SECONDS)
    fleet.redis.process.signal(signal.SIGCONT)
    fleet.log.note("Redis goes on")


async def slow(fleet):
    for instance in fleet.instances:
        for kind in KINDS:
            for way in WAYS:
                instance.relay.set_delay(kind, way, SLOW)
    fleet.log.note("Redis is slow")
    await asyncio.sleep(FAULT_SECONDS)


async def flushed(fleet):
    fleet.trouble()
    for _ in range(3):
        await fleet.flush()
        await asyncio.sleep(FAULT_SECONDS / 3)


async def read_only(fleet):
    fleet.trouble()
    await fleet.said("REPLICAOF", "REPLICAOF", "127.0.0.1", free_port())
    await asyncio.sleep(FAULT_SECONDS)
    await fleet.said("REPLICAOF", "REPLICAOF", "NO", "ONE")


async def out_of_memory(fleet):
    # It still takes what frees memory, so that invalidations reach it as ever.
    await fleet.said("CONFIG", "CONFIG", "SET", "maxmemory-policy", "noeviction")
    await fleet.said("CONFIG", "CONFIG", "SET", "maxmemory", "1")
    await asyncio.sleep(FAULT_SECONDS)
    await fleet.said("CONFIG", "CONFIG", "SET", "maxmemory", "0")


async def other_password(fleet):
    # The application's own connection had logged in before.
    fleet.trouble()
    await fleet.said("CONFIG", "CONFIG", "SET", "requirepass", "another")
    for kind in ("normal", "pubsub"):
        await fleet.said("CLIENT", "CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
    await asyncio.sleep(FAULT_SECONDS)
    await fleet.said("CONFIG", "CONFIG", "SET", "requirepass", "")


async def rolled_back(fleet):
    fleet.trouble()
    await fleet.snapshot()
    await asyncio.sleep(1)
    # Of what Redis was told before, it may have forgotten anything.
    killed_at = fleet.log.now()
    await fleet.crash_redis(rolled_back=True, pause=0.5)
    await asyncio.sleep(1)
    return killed_at


@history("under load, and everybody is asked until the change is there", "DEL", "SET", "XADD", "url", "tag", "PUT")
async def soon_under_load(play, fleet, how):
    load = Load(play, fleet, [play.resource(f"load{number}", size=3000) for number in range(5)])
    await asyncio.sleep(0.3)
    await how_soon(play, fleet, how, ", under load")
    await load.stop(float("inf"))


FAULTS = {
    "is killed, and starts empty after a while": killed, "is restarted three times, empty": restarted_thrice,
    "hangs": hung, "is slow": slow, "is flushed": flushed, "is read-only": read_only, "is out of memory": out_of_memory,
    "wants another password": other_password, "is rolled back": rolled_back,
}


@history("under load Redis", *FAULTS)
async def redis_fails(play, fleet, how):
    resources = [play.resource(f"x{number}", size=size) for number, size in enumerate([40, 40, 40, 3000, 3000, 400_000])]
    await fleet.warm(*resources)
    load = Load(play, fleet, resources)
    await asyncio.sleep(0.7)
    began = fleet.log.now()
    kept_since = await FAULTS[how](fleet)
    await load.stop(kept_since or began)
