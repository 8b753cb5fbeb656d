"""What a server has used, read from /proc: CPU time and resident memory of a process and all its descendants.

Servers fork (nginx's master, varnishd's manager), so the process that was started is only the root of a tree.
"""

import os


def process_tree(root):
    """`root` and every living descendant, parents first."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            fields = stat_fields(int(entry))
            if fields:
                parents[int(entry)] = int(fields[1])
    tree = [root]
    for parent in tree:
        tree.extend(pid for pid, of in parents.items() if of == parent)
    return tree


def stat_fields(pid):
    """/proc/PID/stat from the state (field 3) on, for the name before it may hold blanks; None if the process is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def cpu_seconds(root):
    """User and system time of the whole tree.

    schedstat counts nanoseconds but only of threads that live; stat counts ticks of 10 ms and keeps the time of threads
    that ended. So the finer figure serves unless it falls short of the coarse one by more than ticks can explain.
    """
    return sum(process_cpu_seconds(pid) for pid in process_tree(root))


def process_cpu_seconds(pid):
    tick = 1 / os.sysconf("SC_CLK_TCK")
    fields = stat_fields(pid)
    if not fields:
        return 0.0
    coarse = (int(fields[11]) + int(fields[12])) * tick
    fine = 0.0
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
                fine += int(file.read().split()[0]) / 1e9
    except OSError:
        return coarse
    return fine if fine > coarse - 2 * tick else coarse


def resident_bytes(root):
    """VmRSS summed over the tree. Pages that processes share count in each: it is what `ps` shows."""
    return sum(memory_field(f"/proc/{pid}/status", "VmRSS:") for pid in process_tree(root))


def proportional_bytes(root):
    """Pss summed over the tree: shared pages are divided among those who share them."""
    return sum(memory_field(f"/proc/{pid}/smaps_rollup", "Pss:") for pid in process_tree(root))


def memory_field(path, name):
    try:
        with open(path) as file:
            for line in file:
                if line.startswith(name):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
