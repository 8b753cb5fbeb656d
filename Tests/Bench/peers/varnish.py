"""Varnish with malloc storage and one thread pool. It always logs to shared memory; that is part of its price."""

import os

from peers.setup import Setup, find_program, first_version, write


class Varnish(Setup):
    slug = "varnish"
    name = "Varnish"
    programs = ("varnishd", "gcc")

    def version(self):
        return first_version([find_program("varnishd"), "-V"])

    def command(self, folder, port, origin_port, redis_port):
        path = write(folder, "bench.vcl", f"""vcl 4.1;
backend origin {{ .host = "127.0.0.1"; .port = "{origin_port}"; }}
sub vcl_recv {{
    if (req.url ~ "^/pass/") {{ return (pass); }}
    return (hash);
}}
""")
        return [
            find_program("varnishd"), "-F", "-j", "none", "-n", os.path.join(folder, "work"),
            "-a", f"127.0.0.1:{port}", "-f", path, "-s", "malloc,256m",
            "-p", "thread_pools=1", "-p", "timeout_idle=300", "-p", "listen_depth=4096",
        ]
