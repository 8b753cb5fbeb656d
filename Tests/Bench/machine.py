"""What this machine is, and how the benchmark divides it.

One core belongs to the proxy under test alone; wrk, the origin, Redis and this program share the others. With a single
core nothing is pinned, and the report says so. Nothing here names the host or a path: the facts go into a file that is
published.
"""

import os
import platform
import random
import resource
import socket

CORES = sorted(os.sched_getaffinity(0))
PROXY_CORES = set(CORES[:1])
OTHER_CORES = set(CORES[1:]) or PROXY_CORES
IS_PINNED = len(CORES) > 1

MIB = 1024 * 1024


def raise_descriptor_limit():
    """Lifts the soft limit on open files to the hard one; every process started later inherits it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def free_port():
    """A loopback port nobody listens on, below the ephemeral range: ten thousand outgoing connections of the idle test
    can't take it between now and the moment a server binds it."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        first_ephemeral = int(file.read().split()[0])
    highest = first_ephemeral - 1 if first_ephemeral > 12000 else 65535
    for _ in range(1000):
        port = random.randint(10000, highest)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free loopback port found")


def core_busy_seconds(core):
    """Time this core has not been idle since boot, stolen time included."""
    with open("/proc/stat") as file:
        for line in file:
            if line.startswith(f"cpu{core} "):
                user, nice, system, idle, iowait, irq, softirq, steal = map(int, line.split()[1:9])
                ticks = user + nice + system + irq + softirq + steal
                return ticks / os.sysconf("SC_CLK_TCK")
    return 0.0


def facts():
    return {
        "cores": len(CORES),
        "pinned": IS_PINNED,
        "processor": processor_name(),
        "architecture": platform.machine(),
        "kernel": platform.release(),
        "system": distribution_name(),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MIB,
        "python": platform.python_version(),
    }


def processor_name():
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def distribution_name():
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"
