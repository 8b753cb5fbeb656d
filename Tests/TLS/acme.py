"""A certificate by ACME: uacme asks pebble, Let's Encrypt's server for tests, which looks for the challenge at Larder.

uacme believes the system's authorities alone, so that it runs where a file of the test's stands in for theirs.
"""

import contextlib
import http.client
import json
import os
import shutil
import signal

from scene import HOST, PATIENCE, Skipped, await_listener, expect, free_port, program, run, until

HOOK = "/usr/share/uacme/uacme.sh"
SYSTEM_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


def obtained(scene):
    """uacme obtains a certificate from pebble through `server.acme`, and Larder serves it after a reload"""
    uacme, pebble, resolver = program("uacme", "uacme"), program("pebble", "pebble"), program("pebble-challtestsrv", "pebble")
    if not os.access(HOOK, os.X_OK):
        raise Skipped(f"{HOOK} is missing (apt-get install uacme)")
    challenges = scene.folder / "challenges"
    challenges.mkdir()
    path = scene.configuration(scene.origin(), server=f"  acme: {challenges}")
    text = path.read_text()
    path.write_text(text.replace(f'{{address: "127.0.0.1:{scene.plain}", h2c: on}}',
                                 f'{{address: "127.0.0.1:{scene.plain}", redirect: "https:{scene.port}"}}'))
    daemon = scene.larder(path)
    url = start_pebble(scene, pebble, resolver)

    command = [*believing(scene.authority), uacme, "-v", "-y", "-a", url, "-c", scene.folder / "uacme", "-h", HOOK, "-t", "EC"]
    account = run(*command, "new", within=60)
    expect(account.returncode, 0, account.stderr)
    issued = run(*command, "issue", HOST, within=60, UACME_CHALLENGE_PATH=str(challenges))
    expect(issued.returncode, 0, issued.stderr)
    expect(os.listdir(challenges), [], "challenges that are left")
    # Other paths of that listener are redirected as before, and a challenge that isn't there is no file of the folder.
    expect(status(scene, "/other")[0], 308)
    expect(status(scene, "/.well-known/acme-challenge/..%2Flarder.yaml")[0] in (308, 400, 404), True)

    names = scene.folder / "uacme" / HOST / "cert.pem", scene.folder / "uacme/private" / HOST / "key.pem"
    shutil.copyfile(names[0], scene.folder / "new.pem")
    scene.install(names)
    daemon.process.send_signal(signal.SIGHUP)
    until(lambda: "Pebble" in issuer(scene), "the new certificate is served")
    checked = run(scene.larder_path, "check", path)
    expect(checked.returncode, 0, checked.stdout + checked.stderr)
    return issuer(scene)


def start_pebble(scene, pebble, resolver):
    """The URL of pebble's directory."""
    certificate, key = scene.authority.issue("pebble", 2000)
    listen, manage, names, resolving = (free_port() for _ in range(4))
    config = scene.folder / "pebble.json"
    config.write_text(json.dumps({"pebble": {
        "listenAddress": f"127.0.0.1:{listen}", "managementListenAddress": f"127.0.0.1:{manage}", "certificate": str(certificate),
        "privateKey": str(key), "httpPort": scene.plain, "tlsPort": scene.port, "ocspResponderURL": "",
        "externalAccountBindingRequired": False}}))
    scene.process("names", resolver, "-defaultIPv6", "", "-dns01", f"127.0.0.1:{names}", "-management", f"127.0.0.1:{resolving}",
                  "-http01", "", "-https01", "", "-tlsalpn01", "")
    server = scene.process("pebble", pebble, "-config", config, "-dnsserver", f"127.0.0.1:{names}", PEBBLE_VA_NOSLEEP="1")
    await_listener(server, listen)
    return f"https://127.0.0.1:{listen}/dir"


def believing(authority):
    """What comes before a command that shall believe that authority instead of the system's: mounts of its own."""
    if not os.access(SYSTEM_AUTHORITIES, os.R_OK):
        raise Skipped(f"{SYSTEM_AUTHORITIES} is missing (apt-get install ca-certificates)")
    mount = f'mount --bind "$0" {SYSTEM_AUTHORITIES} && exec "$@"'
    prefix = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-c", mount, authority.certificate]
    if run(*prefix, "true").returncode:
        raise Skipped("mounts of its own (unshare --mount) are not allowed here")
    return prefix


def status(scene, path):
    connection = http.client.HTTPConnection("127.0.0.1", scene.plain, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Host": HOST})
        response = connection.getresponse()
        return response.status, response.headers.get("Location")


def issuer(scene):
    shown = run("openssl", "s_client", "-connect", f"127.0.0.1:{scene.port}", "-servername", HOST, input="")
    return next((line.strip() for line in shown.stdout.splitlines() if line.startswith("issuer=")), "")


CHECKS = [obtained]
