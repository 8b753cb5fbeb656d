import Proxy
import Testing

@testable import Admin

@Suite("Metrics: the text format of Prometheus, version 0.0.4")
struct MetricTests {
    @Test(
        "Every metric is declared once, with a valid name and a sentence",
        arguments: MetricFamily.all.map { "\($0.name)" })
    func declarations(name: String) throws {
        let families = MetricFamily.all.filter { "\($0.name)" == name }
        #expect(families.count == 1)
        let family = try #require(families.first)
        #expect(name.wholeMatch(of: /(larder|process)_[a-z0-9_]+/) != nil)
        #expect(name.hasSuffix("_total") == (family.kind == .counter))
        let help = "\(family.help)"
        #expect(help.hasSuffix(".") && !help.contains("\n") && !help.contains("\\"))
    }

    @Test("Labels can't end before their quotation mark")
    func labels() {
        var samples = MetricSamples()
        let family = MetricFamily("larder_test", .gauge, "A test.") {
            $1.add(1, ("a", "x\"y\\z\nw"), ("b", ""))
            $1.add(milliseconds: 1_700_000_000_042)
            $1.add(milliseconds: 2_000)
        }
        samples.write(family, Self.figures)
        let text = String(decoding: samples.text, as: UTF8.self)
        #expect(
            text == """
                # HELP larder_test A test.
                # TYPE larder_test gauge
                larder_test{a="x\\"y\\\\z\\nw",b=""} 1
                larder_test 1700000000.042
                larder_test 2

                """)
    }

    private static var figures: Figures {
        let server = Server(
            configuration: .init(), log: EventLog(level: .error, isJournal: false), accessLog: AccessLogSink(),
            inherited: [])
        return Figures(report: ServerReport(), server: server, version: "test")
    }

    @Test("Resident memory and descriptors of this process are more than none")
    func process() {
        let figures = ProcessFigures()
        #expect(figures.residentBytes > 1 << 20)
        #expect(figures.openDescriptors >= 3)
        #expect(figures.descriptorLimit >= figures.openDescriptors)
    }
}
