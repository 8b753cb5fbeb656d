"""Instances, Redis, the origin and an application, and the verbs that histories are written in.

Each verb notes what it does, and what is demanded of responses from when on. Every answer to `ask` is judged.
"""

import asyncio
import collections
import hashlib
import shutil
import tempfile

from fleet_instance import HOST, ClientError, Instance, exchange
from fleet_log import EventLog
from fleet_origin import Origin, Resource, version_of
from fleet_redis import RedisError, RedisGone, RedisServer
from fleet_rules import Rules

STREAM = "{larder:}purges"

# What the machine that runs the test may add before an instance looks at its clock.
SCHEDULING = 0.25
COME_BACK_SECONDS = 25


def redis_key(path):
    return "larder:" + hashlib.md5(f"GET http://{HOST}{path}".encode()).hexdigest()


class Fleet:
    def __init__(self, options, seed):
        self.options, self.seed = options, seed
        self.log, self.rules, self.counts = EventLog(), Rules(), collections.Counter()
        self.seconds = {}
        self.folder = tempfile.mkdtemp(prefix="larder-fleet-")
        self.origin = Origin(seed, self.log)
        self.redis = RedisServer(self.folder)
        self.instances, self.tasks, self.outages, self.histories = [], set(), [], 0
        self.bound = 0.0  # how long after a change in Redis what was before it may be served

    async def start(self):
        await self.origin.start()
        await self.redis.start()
        for number in range(self.options.instances):
            self.instances.append(Instance("abcdefghi"[number], self.options, self.folder, self.origin.port,
                                           self.redis.port, self.seed, self.log))
        await asyncio.gather(*(instance.start() for instance in self.instances))

    async def stop(self):
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for instance in self.instances:
            instance.end()
        self.redis.stop()
        self.origin.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def next_number(self):
        """What makes the paths of a history its own."""
        self.histories += 1
        return self.histories

    def note_seconds(self, what, seconds):
        self.seconds.setdefault(what, []).append(seconds)

    def begin(self, name):
        """A history begins: nothing of the one before is demanded any more, and resources are new."""
        self.log.restart()
        self.log.note(name)
        self.rules.forget()
        self.origin.resources.clear()
        self.outages, self.snapshot_at = [], 0.0
        for instance in self.instances:
            instance.relay.forget_waiters()

    def resource(self, path, **more):
        return self.origin.add(Resource(path, tags=["t" + path.strip("/").replace("/", "-")], **more))

    def spawn(self, coroutine):
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def settle(self):
        """Waits for what was spawned, and says so of what failed by itself."""
        while self.tasks:
            for result in await asyncio.gather(*self.tasks, return_exceptions=True):
                if isinstance(result, Exception):
                    raise result

    @property
    def running(self):
        return [instance for instance in self.instances if instance.is_ready and not instance.is_stopped]

    # -- clients

    def was_away(self, instance, begun, life):
        return instance.lives != life or not instance.is_running or not instance.is_ready or any(
            who is instance and at >= begun for who, at in self.outages)

    async def ask(self, instance, resource, method="GET", fields=()):
        """One request of a client. Returns the response; None if the instance ended meanwhile."""
        begun, life = self.log.now(), instance.lives
        self.counts["requests"] += 1
        self.log.note(f"{instance} is asked", resource)
        try:
            response = await instance.ask(resource.path, method, fields=fields)
        except ClientError as error:
            if not self.was_away(instance, begun, life):
                self.find("client error", f"{resource} at {instance}, asked at {begun:.3f}: {error}", resource)
            return None
        now = self.log.now()
        version = version_of(resource, response.content) if response.status == 200 else None
        self.log.note(f"{instance} responds {response.status} {response.cache}, version {version}, asked at {begun:.3f}",
                      resource)
        self.counts[response.cache or "no X-Cache"] += 1
        if response.status != 200:
            if not self.was_away(instance, begun, life):
                self.find("client error", f"{resource} at {instance}, asked at {begun:.3f}: {response.status} "
                          f"{response.content[:300]!r}", resource)
        elif version is None:
            self.find("damaged", f"{resource} at {instance}: {len(response.content)} bytes that no version has", resource)
        else:
            before = len(self.rules.findings)
            # Who isn't in touch with Redis still shares what it began to fetch within the bound.
            spared = self.bound if response.is_collapsed else 0
            self.rules.judge(resource, instance, version, resource.version, begun, now, response.cache, spared)
            self.excerpts(before)
        response.version = version
        return response

    def find(self, kind, sentence, about=None):
        before = len(self.rules.findings)
        self.rules.find(kind, sentence, about, self.log.now())
        self.excerpts(before)

    def excerpts(self, since):
        for finding in self.rules.findings[since:]:
            finding.excerpt = self.log.excerpt(finding.key, finding.at)

    async def ask_all(self, resource):
        return await asyncio.gather(*(self.ask(instance, resource) for instance in self.running))

    async def warm(self, *resources):
        """Every running instance has had each resource twice, so that it holds a copy if it may."""
        for resource in resources:
            for instance in self.running:
                await self.ask(instance, resource)
                await asyncio.sleep(0.02)
                await self.ask(instance, resource)

    # -- what an application does

    def changed(self, resource):
        resource.version += 1
        self.log.note(f"the origin has version {resource.version}", resource)
        return resource.version

    async def said(self, kind, *words, client=None):
        """A command of the application; None if Redis didn't reply."""
        try:
            reply = await (client or self.redis.app).call(*words)
        except RedisGone as error:
            self.log.note(f"the application's {kind} was not replied to ({error})")
            return None
        if isinstance(reply, RedisError):
            self.log.note(f"the application's {kind} was refused ({reply})")
            return None
        self.counts[kind] += 1
        return reply

    async def delete(self, resource, kind="DEL"):
        """The application changes the resource and then runs DEL (or UNLINK) on its key."""
        version = self.changed(resource)
        reply = await self.said(kind, kind, redis_key(resource.path))
        if reply is not None:
            now = self.log.now()
            self.log.note(f"{kind} is done ({reply})", resource)
            return self.rules.demand(resource, version, now + self.bound, kind)

    async def overwrite(self, resource, value=b"what another program wrote"):
        """The application changes the resource and then sets its key to something that is no record."""
        version = self.changed(resource)
        if await self.said("SET", "SET", redis_key(resource.path), value, "PX", 60_000) is not None:
            self.log.note("SET is done", resource)
            return self.rules.demand(resource, version, self.log.now() + self.bound, "SET")

    async def announce(self, resources, *pairs):
        """The application changes resources and then adds a purge to the stream itself."""
        versions = [(resource, self.changed(resource)) for resource in resources]
        identifier = await self.said("XADD", "XADD", STREAM, "*", *pairs)
        if identifier is not None:
            now = self.log.now()
            for resource, version in versions:
                self.log.note(f"XADD {' '.join(map(str, pairs))} is done ({identifier.decode()})", resource)
                self.rules.demand(resource, version, now + self.bound, "XADD")
        return identifier

    async def flush(self):
        """The application changes everything and then flushes Redis."""
        versions = [(resource, self.changed(resource)) for resource in self.origin.resources.values()]
        if await self.said("FLUSHALL", "FLUSHALL") is not None:
            self.log.note("FLUSHALL is done")
            for resource, version in versions:
                self.rules.demand(resource, version, self.log.now() + self.bound, "FLUSHALL")

    async def purge(self, instance, resources, **what):
        """The application changes resources and then purges them through an instance; what was answered with 200 holds."""
        begun, life = self.log.now(), instance.lives
        versions = [(resource, self.changed(resource)) for resource in resources]
        self.log.note(f"{instance} is asked to purge {what}")
        try:
            response = await instance.admin("POST", "/purge", what)
        except ClientError as error:
            self.log.note(f"{instance} did not reply to the purge: {error}")
            if not self.was_away(instance, begun, life):
                self.find("client error", f"POST /purge at {instance}: {error}", resources[0] if resources else None)
            return None
        now = self.log.now()
        self.log.note(f"{instance} replies {response.status} to the purge of {what} from {begun:.3f}: "
                      f"{response.content[:200].decode('latin-1')}")
        kind = "soft purge" if what.get("soft") else "purge"
        self.counts[f"{kind}: {response.status}"] += 1
        if response.status == 200:
            self.note_seconds("purge until its 200", now - begun)
            for resource, version in versions:
                self.rules.demand(resource, version, now, kind)
        elif response.status == 501 or (response.status == 400 and b"unknown member" in response.content):
            pass  # this build has no such purge
        elif response.status != 503:
            self.find("purge refused", f"{instance} replies {response.status} to {what}: {response.content[:300]!r}")
        response.seconds = now - begun
        return response

    async def write(self, instance, resource, method="PUT"):
        """A client writes through an instance. What it reads there afterwards is new; elsewhere too, once Redis can be told.

        With connections to Redis that are all right, Redis has been told by the time of the response, and the others hear
        of it as they hear of DEL.
        """
        begun, life, troubled = self.log.now(), instance.lives, instance.is_troubled
        self.log.note(f"{instance} is asked to {method}", resource)
        try:
            response = await exchange(instance.port, method, resource.path, content=b"x")
        except ClientError as error:
            if not self.was_away(instance, begun, life):
                self.find("client error", f"{method} {resource} at {instance}, asked at {begun:.3f}: {error}", resource)
            return None
        now = self.log.now()
        self.counts[method] += 1
        if response.status != 200:
            if not self.was_away(instance, begun, life):
                self.find("client error", f"{method} {resource} at {instance}: {response.status}", resource)
            return response
        version = int(response.fields.get("x-version", 0))
        self.log.note(f"{instance} responds 200 to {method}, version {version}", resource)
        self.rules.demand(resource, version, now, method, instance)
        if not troubled and not instance.is_troubled:
            self.rules.demand(resource, version, now + (0 if self.options.strict_writes else self.bound), method)
        return response

    # -- faults. An instance is in trouble from one that may keep it from telling Redis something until all are over.

    def trouble(self, *instances):
        for instance in instances or self.instances:
            instance.is_troubled = True

    async def crash_redis(self, rolled_back=False, pause=0.0):
        self.trouble()
        self.log.note("Redis is killed")
        at = self.log.now()
        self.redis.kill()
        await asyncio.sleep(pause)
        await self.redis.start_again(rolled_back)
        if rolled_back:
            # What Redis doesn't remember, it can't tell anybody. Only purges that were answered with 200 are kept.
            self.rules.void(("DEL", "UNLINK", "SET", "XADD", "FLUSHALL", "PUT", "DELETE", "POST"), self.snapshot_at, at)
        self.log.note("Redis is back, " + ("as it was at the snapshot" if rolled_back else "empty"))

    async def snapshot(self):
        if await self.redis.snapshot():
            self.snapshot_at = self.log.now()
            self.log.note("Redis takes a snapshot")

    async def evict(self):
        """Redis is short of memory for a moment: of what has an expiry, anything may go."""
        self.trouble()
        app = self.redis.app
        used = await self.said("INFO", "INFO", "memory")
        if used is None:
            return
        used = int(next(line for line in used.split(b"\r\n") if line.startswith(b"used_memory:")).split(b":")[1])
        before = await self.said("INFO", "INFO", "stats")
        await app.call("CONFIG", "SET", "maxmemory-policy", "volatile-random")
        await app.call("CONFIG", "SET", "maxmemory", max(used - 200_000, 1_000_000))
        for number in range(20):
            await self.said("filler", "SET", f"filler:{number}", b"x" * 10_000, "PX", 500)
        await app.call("CONFIG", "SET", "maxmemory", 0)
        after = await self.said("INFO", "INFO", "stats")
        if before and after:
            def count(text):
                return int(text.split(b"evicted_keys:")[1].split(b"\r")[0])
            self.log.note(f"Redis evicts {count(after) - count(before)} keys")

    async def restart(self, instance, pause=0.0, orderly=False):
        self.trouble(instance)
        self.outages.append((instance, self.log.now()))
        if orderly:
            await instance.leave()
        else:
            instance.kill()
        self.rules.void_instance(instance, self.log.now())
        await asyncio.sleep(pause)
        await instance.start()
        self.outages.append((instance, self.log.now()))

    async def pause(self, instance, seconds):
        self.trouble(instance)
        instance.stop_process()
        await asyncio.sleep(seconds)
        instance.continue_process()

    def check_processes(self):
        """Nobody may end who wasn't ended by the history."""
        for instance in self.instances:
            if instance.is_ready and not instance.is_running:
                self.find("crash", f"{instance} ended by itself ({instance.process.process.returncode}):\n"
                          f"{instance.process.last_words()}")

    async def heal(self):
        """Everything is put right: whoever is stopped goes on, ways are open, Redis is there."""
        for instance in self.instances:
            instance.relay.heal()
            if instance.is_stopped:
                instance.continue_process()
            if not instance.is_ready and not instance.is_running:
                await instance.start()
            instance.is_troubled = False
        self.log.note("all faults are over")

    async def come_back(self, name="/back"):
        """Without faults each instance serves HITs again by itself, of what another has fetched too."""
        deadline = self.log.now() + COME_BACK_SECONDS
        for number, instance in enumerate(self.instances):
            attempt = 0
            while True:
                attempt += 1
                resource = self.resource(f"{name}/{number}/{attempt}")
                other = self.instances[(number + 1) % len(self.instances)]
                first = other if self.options.backend != "memory" else instance
                await self.ask(first, resource)
                await asyncio.sleep(0.05)
                response = await self.ask(instance, resource)
                if response and response.cache == "HIT":
                    break
                if self.log.now() > deadline:
                    self.find("no HITs", f"{instance} serves no HIT of what {first} fetched, {COME_BACK_SECONDS} s after "
                              f"the last fault; its last response: {response and response.cache}", resource)
                    break
                await asyncio.sleep(0.2)


async def until(condition, seconds=10.0, step=0.005):
    """Whether the condition becomes true in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not condition():
        if loop.time() > deadline:
            return False
        await asyncio.sleep(step)
    return True


async def set_within(event, seconds=5.0):
    try:
        await asyncio.wait_for(event.wait(), seconds)
        return True
    except asyncio.TimeoutError:
        return False
