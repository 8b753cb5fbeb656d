"""What scanners say about a listener with the certificate of a public name: testssl.sh, sslscan, openssl s_client."""

import json
import re
import shutil
import signal
import time

from scene import HOST, Authority, expect, free_port, program, run, until

# What testssl.sh says of the certificate of a test, or of the machine it runs on, and not of Larder.
OF_THE_TEST = {
    "engine_problem", "cert_chain_of_trust", "cert_crlDistributionPoints", "cert_ocspURL", "cert_revocation",
    "DNS_CAArecord", "cert_validityPeriod", "OCSP_stapling", "cert_expirationStatus", "cert_trust",
}
# It also looks for headers that an API's owner has to set.
HEADERS = """\
defaults:
  response:
    set:
      Strict-Transport-Security: max-age=31536000
      Content-Security-Policy: default-src 'none'
      X-Content-Type-Options: nosniff
      X-Frame-Options: DENY
"""
# WARN is said of checks that could not be made.
MILD = {"OK", "INFO", "LOW", "DEBUG", "WARN"}


def testssl(scene):
    """testssl.sh finds nothing that is graver than low"""
    testssl = program("testssl", "testssl.sh")
    path = scene.configuration(scene.origin())
    with open(path, "a") as file:
        file.write(HEADERS)
    scene.larder(path)
    report = scene.folder / "testssl.json"
    finished = run(testssl, "--quiet", "--color", "0", "--warnings", "off", "--openssl-timeout", "20", "--jsonfile", report,
                   "--add-ca", scene.authority.certificate, f"https://127.0.0.1:{scene.port}", within=600)
    assert report.exists(), finished.stdout[-2000:] + finished.stderr[-1000:]
    entries = json.loads(report.read_text())
    assert len(entries) > 50, f"testssl.sh stopped early: {finished.stdout[-2000:]}"
    grave = [f"{each['severity']} {each['id']}: {each['finding']}" for each in entries
             if each["severity"] not in MILD and re.sub(r" .*|<.*", "", each["id"]) not in OF_THE_TEST]
    assert not grave, "\n".join(grave)
    low = [f"{each['severity']}: {each['id']}: {each['finding']}" for each in entries
           if each["severity"] in ("LOW", "WARN") and each["id"] not in OF_THE_TEST]
    return "\n".join([f"{len(entries)} findings, none above low"] + low)


def said_by_check(scene, path):
    """The ciphers of the listener in the order in which `larder check` lists them, each with its version."""
    text = run(scene.larder_path, "check", path).stdout
    lists = re.findall(rf"^127\.0\.0\.1:{scene.port}: TLS (1\.\d): (.*)$", text, re.MULTILINE)
    assert lists, text
    return [(f"TLSv{version}", name) for version, names in lists for name in names.split(", ")]


def sslscan(scene):
    """sslscan lists TLS 1.2 and 1.3 with the ciphers that `larder check` lists, no renegotiation, no compression"""
    sslscan = program("sslscan", "sslscan")
    path = scene.configuration(scene.origin())
    scene.larder(path)
    text = run(sslscan, "--no-colour", f"--sni-name={HOST}", f"127.0.0.1:{scene.port}", within=120).stdout
    enabled = re.findall(r"^(SSLv\d|TLSv1\.\d)\s+enabled", text, re.MULTILINE)
    expect(enabled, ["TLSv1.2", "TLSv1.3"], "versions")
    assert "Session renegotiation not supported" in text, text
    assert not re.search(r"^Compression enabled", text, re.MULTILINE), text
    assert text.count("not vulnerable to heartbleed") == 2, text
    ciphers = re.findall(r"^(?:Preferred|Accepted)\s+(TLSv1\.\d)\s+\d+ bits\s+(\S+)", text, re.MULTILINE)
    weak = [cipher for version, cipher in ciphers
            if not re.match(r"TLS_(AES|CHACHA20)" if version == "TLSv1.3" else r"ECDHE-.*(GCM|POLY1305)", cipher)]
    assert ciphers and not weak, f"without forward secrecy or authenticated encryption: {weak} of {ciphers}"
    expect(ciphers, said_by_check(scene, path), "what `larder check` says")
    return ", ".join(f"{version} {cipher}" for version, cipher in ciphers)


def min_version(scene):
    """With `min: "1.3"` no older version is served, and with `ciphers` those of the list alone"""
    sslscan = program("sslscan", "sslscan")
    path = scene.configuration(scene.origin())
    more = "min: \"1.2\", ciphers: [ECDHE-ECDSA-AES128-GCM-SHA256, TLS_AES_128_GCM_SHA256], certificates:"
    path.write_text(path.read_text().replace("certificates:", more))
    daemon = scene.larder(path)
    scan = [sslscan, "--no-colour", f"--sni-name={HOST}", f"127.0.0.1:{scene.port}"]
    listed = re.findall(r"^(?:Preferred|Accepted)\s+\S+\s+\d+ bits\s+(\S+)", run(*scan, within=120).stdout, re.MULTILINE)
    expect(sorted(listed), ["ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_AES_128_GCM_SHA256"], "ciphers")
    expect(listed, [name for _, name in said_by_check(scene, path)], "what `larder check` says")
    daemon.kill()
    path = scene.configuration(scene.origin())
    path.write_text(path.read_text().replace("certificates:", "min: \"1.3\", certificates:"))
    scene.larder(path)
    text = run(*scan, within=120).stdout
    expect(re.findall(r"^(SSLv\d|TLSv1\.\d)\s+enabled", text, re.MULTILINE), ["TLSv1.3"], "versions")


def client_certificates(scene):
    """Clients without a certificate, or with a wrong or expired one, are refused; so are tickets of sessions that had another one"""
    other = Authority(scene.folder / "other")
    clients = scene.folder / "clients.pem"
    shutil.copyfile(scene.authority.certificate, clients)
    ports = {"open": scene.port, "require": free_port(), "optional": free_port(), "other": free_port()}
    path = scene.configuration(scene.origin())
    more = "".join(
        f"    - {{address: \"127.0.0.1:{ports[name]}\", tls: {{certificates: {{cert: {scene.certificate}, key: {scene.key}}}, "
        f"client_ca: {authorities}, client_auth: {auth}}}}}\n"
        for name, authorities, auth in (("require", clients, "require"), ("optional", clients, "optional"),
                                        ("other", other.certificate, "require")))
    path.write_text(path.read_text().replace("  workers: 2\n", more + "  workers: 2\n"))
    daemon = scene.larder(path)
    known = scene.authority.issue("client", 3000, "clientAuth")
    unknown, expired = other.issue("unknown", 3001, "clientAuth"), scene.authority.issue("expired", 3002, "clientAuth", 0)
    time.sleep(1.1)  # or it would expire within this second

    def ask(version, port, certificate=None, session=None, saved=None):
        """Whether a request is served, and whether the session was resumed for it."""
        arguments = ["openssl", "s_client", "-connect", f"127.0.0.1:{ports[port]}", "-servername", HOST, "-ign_eof", f"-{version}"]
        for option, value in zip(("-cert", "-key"), certificate or ()):
            arguments += [option, value]
        for option, value in (("-sess_in", session), ("-sess_out", saved)):
            arguments += [option, value] if value else []
        shown = run(*arguments, input=f"GET /size/10 HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n").stdout
        return "HTTP/1.1 200" in shown, "Reused, " in shown

    served, resumed, refused = (True, False), (True, True), (False, False)
    sessions = {}
    for version in ("tls1_2", "tls1_3"):
        of_open, of_optional, of_known = (scene.folder / f"{version}-{name}" for name in ("open", "optional", "known"))
        for expected, arguments in (
            (refused, ("require",)), (refused, ("require", unknown)), (refused, ("require", expired)),
            (served, ("optional", None, None, of_optional)), (refused, ("optional", unknown)), (refused, ("optional", expired)),
            (served, ("require", known, None, of_known)), (resumed, ("require", None, of_known)),
            (served, ("open", None, None, of_open)), (refused, ("require", None, of_open)), (refused, ("require", None, of_optional)),
            (refused, ("other", None, of_known)), (served, ("other", unknown)),
        ):
            expect(ask(version, *arguments), expected, f"{version} {arguments[0]} {arguments[1:]}")
        sessions[version] = of_known
    # When the authorities change, sessions that the ones before have vouched for are over.
    shutil.copyfile(other.certificate, clients)
    daemon.process.send_signal(signal.SIGHUP)
    until(lambda: ask("tls1_3", "require", unknown) == served, "the other authority is believed")
    for version, session in sessions.items():
        expect(ask(version, "require", None, session), refused, f"{version}: a session of before")


def old_clients(scene):
    """Clients of TLS 1.1, and those that want to renegotiate, are refused and told so; others go on"""
    scene.larder(scene.configuration(scene.origin()))
    connect = ["openssl", "s_client", "-connect", f"127.0.0.1:{scene.port}", "-servername", HOST, "-CAfile",
               scene.authority.certificate]
    refused = run(*connect, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0", input="")
    assert refused.returncode and "protocol version" in refused.stderr, refused.stderr
    # `R` in a line of its own asks for a new handshake in the middle of the connection.
    renegotiating = run(*connect, "-tls1_2", input="R\n")
    assert "no renegotiation" in renegotiating.stderr + renegotiating.stdout, renegotiating.stderr
    assert scene.get("/size/10") == b"x" * 10


def groups(scene):
    """No group of keys is offered that costs the server many times what it costs the client to ask (ffdhe8192: 200 ms)"""
    sslscan = program("sslscan", "sslscan")
    scene.larder(scene.configuration(scene.origin()))
    text = run(sslscan, "--no-colour", f"--sni-name={HOST}", f"127.0.0.1:{scene.port}", within=120).stdout
    found = re.findall(r"^TLSv1\.\d\s+\d+ bits\s+(\S+)", text.partition("Server Key Exchange Group")[2], re.MULTILINE)
    assert "x25519" in found and "secp256r1" in found, text
    expect([group for group in found if group.startswith("ffdhe")], [], "groups")
    return ", ".join(dict.fromkeys(found))


def tickets(scene):
    """A session that is resumed gets a new ticket in TLS 1.3, where clients use each of them once (RFC 8446 C.4)"""
    scene.larder(scene.configuration(scene.origin()))
    connect = ["openssl", "s_client", "-connect", f"127.0.0.1:{scene.port}", "-servername", HOST, "-ign_eof"]
    closing = f"GET /size/10 HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
    for version in ("-tls1_2", "-tls1_3"):
        first, second = scene.folder / f"first{version}", scene.folder / f"second{version}"
        run(*connect, version, "-sess_out", first, input=closing)
        resumed = run(*connect, version, "-sess_in", first, "-sess_out", second, input=closing)
        assert "Reused, " in resumed.stdout, f"{version}: not resumed: {resumed.stdout[-500:]}"
    assert second.exists() and second.read_text() != first.read_text(), "no new ticket"


CHECKS = [testssl, sslscan, min_version, groups, tickets, client_certificates, old_clients]
