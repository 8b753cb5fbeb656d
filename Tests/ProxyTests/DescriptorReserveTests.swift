import Configuration
import Testing

@testable import Proxy

@Suite("Descriptors are kept for origins, Redis and the admin listener")
struct DescriptorReserveTests {
    private func configuration(clients: Int) throws -> Configuration {
        var configuration = try Configuration.quick(upstream: "http://127.0.0.1:1")
        configuration.limits.clients = clients
        configuration.limits.clientsAreStated = Provenance(isStated: true)
        return configuration
    }

    @Test(
        "Clients get what limits.clients says, or what is left of the process's limit",
        arguments: [(1 << 20, 20_000, 20_000), (65_536, 20_000, 20_000), (1024, 500, 500), (256, 100, 100)])
    func allowed(limit: Int, wanted: Int, expected: Int) throws {
        let reserve = DescriptorReserve(limit: limit, workers: 2)
        #expect(reserve.clients(in: try configuration(clients: wanted)) == expected)
        #expect(reserve.warning(for: try configuration(clients: wanted)) == nil)
    }

    @Test(
        "At least a quarter of the descriptors is no client's, and there is always room for one",
        arguments: [16, 64, 256, 1024, 20_000])
    func short(limit: Int) throws {
        let reserve = DescriptorReserve(limit: limit, workers: 2)
        let clients = reserve.clients(in: try configuration(clients: 1_000_000))
        #expect(clients >= 1)
        if limit >= 128 { #expect(clients + reserve.rejected <= limit - limit / 4 - 32 && clients > limit / 8) }
        let warning = try #require(reserve.warning(for: try configuration(clients: 1_000_000)))
        #expect(warning.contains("limits.clients is 1000000") && warning.contains("at most \(clients) clients"))
    }

    @Test("Only a file that asks for clients is told that there can't be as many, and only when a number changes")
    func once() throws {
        let reserve = DescriptorReserve(limit: 1024, workers: 2)
        #expect(reserve.warning(for: try Configuration.quick(upstream: "http://127.0.0.1:1")) == nil)
        let asked = try configuration(clients: 5000)
        #expect(reserve.warning(for: asked, after: try Configuration.quick(upstream: "http://127.0.0.1:1")) != nil)
        #expect(reserve.warning(for: asked, after: asked) == nil)
        #expect(reserve.warning(for: try configuration(clients: 6000), after: asked) != nil)
        var listening = asked
        listening.server.listen += [.tcp(host: "127.0.0.1", port: 1), .tcp(host: "127.0.0.1", port: 2)]
        #expect(reserve.warning(for: listening, after: asked) != nil)
    }
}
