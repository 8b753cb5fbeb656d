import Foundation
import TestSupport
import Testing

// Tests/Fleet plays histories of several Larders on one Redis, with faults between them and an application that changes what
// they cache. It is a program of its own (`make fleet`); here are the histories whose end is known, and the check's own test.

@Suite("A fleet on one Redis")
struct FleetTests {
    /// Runs Tests/Fleet/run with the daemon under test.
    private func fleet(_ arguments: [String], within seconds: Double = 180) throws -> Finished {
        let program = DocumentationPage.checkout.appending(path: "Tests/Fleet/run").path()
        let larder = URL(filePath: LarderProcess.binary).path()
        return try run(["python3", program, "--larder", larder] + arguments, within: seconds)
    }

    @Test("Larders that share nothing are found out: the check can fail")
    func nothingShared() throws {
        let finished = try fleet(["--backend", "memory", "--seed", "1", "--seconds", "20", "--only", "tracking, reset"])
        #expect(finished.status == 1, "\(finished.output)\(finished.errors)")
        #expect(finished.output.contains("finding: stale after DEL"), "\(finished.output)")
        #expect(finished.output.contains("--seed 1"), "\(finished.output)")
    }

    @Test(
        "Whichever connections are lost, and whoever is told: a key that was deleted meanwhile isn't served afterwards")
    func connectionsLost() throws {
        let finished = try fleet([
            "--backend", "redis", "--seed", "1", "--seconds", "12", "--only",
            "cut, and then changed",
        ])
        #expect(finished.status == 0, "\(finished.output)\(finished.errors)")
    }

    @Test(
        "Redis is killed, hangs, is slow, flushed, read-only, full, rolled back, or wants another password, under load: no client sees an error, nothing is stale past its bound, no invalidation is lost, and HITs come back",
        .tags(.must))
    func redisFails() throws {
        let finished = try fleet(
            [
                "--backend", "tiered", "--seed", "1", "--seconds", "30", "--clients", "4",
                "--only", "under load Redis",
            ], within: 360)
        #expect(finished.status == 0, "\(finished.output)\(finished.errors)")
    }

    @Test("Half a minute of histories with whatever faults they have: nothing is stale past its bound", .tags(.must))
    func histories() throws {
        let finished = try fleet(["--seed", "1", "--seconds", "30", "--clients", "4"])
        #expect(finished.status == 0, "\(finished.output)\(finished.errors)")
    }
}
