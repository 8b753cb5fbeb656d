import Foundation
import TestSupport
import Testing

@testable import Proxy

extension ServingTests {
    @Suite("Explaining, in the process")
    struct ExplainTests {
        private func explain(_ stage: ServingStage, _ query: String) throws -> JSON {
            let answer = try stage.admin("GET", "/explain?\(query)")
            #expect(answer.status == 200, "\(answer.raw.text)")
            return try answer.json()
        }

        @Test("Every member is there, null where it doesn't apply")
        func members() throws {
            try ServingStage.run { stage throws in
                let path = stage.origin.script(200, ["Cache-Control: max-age=60"], body: "x")
                let members = [
                    "cache_status", "compress", "credential", "dropped_lately", "flight", "invalidates", "key",
                    "last_response",
                    "method", "next",
                    "reason",
                    "refresh",
                    "route", "sentence", "server", "status", "store_trouble", "stored", "upstream_problem", "url",
                    "variant",
                    "verdict", "x_cache",
                ]
                let url = "url=http%3A%2F%2Fapi.example\(path)"
                let missed = try explain(stage, url)
                #expect(missed.keys == members)
                #expect(missed["method"].string == "GET" && missed["url"].string == "http://api.example\(path)")
                #expect(missed["verdict"].string == "MISS" && !missed["stored"].exists)
                #expect(missed["cache_status"].string == "larder; fwd=uri-miss")
                _ = try stage.get(path)
                let hit = try explain(stage, url + "&method=HEAD&h=Accept%3A%20*%2F*&h=X-Other%3A%20y")
                #expect(hit.keys == members)
                #expect(hit["method"].string == "HEAD" && hit["verdict"].string == "HIT")
                #expect(hit["stored"]["size"].int == 1)
                #expect(hit["route"]["path"].string == "/{rest...}" && hit["route"]["index"].int == 0)
            }
        }

        @Test("What Larder answers itself is explained too", arguments: [("OPTIONS", 204), ("TRACE", 405)])
        func own(method: String, status: Int) throws {
            try ServingStage.run { stage throws in
                let explained = try explain(stage, "method=\(method)&url=http%3A%2F%2Fa%2F&h=Max-Forwards%3A%200")
                let verdict = status == 204 ? "OWN" : "REFUSED"
                #expect(explained["verdict"].string == verdict && explained["status"].int == status, "\(explained)")
            }
        }

        @Test("A head that is too long for the limits is refused as its request is")
        func tooLong() throws {
            try ServingStage.run { stage throws in
                let long = String(repeating: "a", count: 9000)
                let explained = try explain(stage, "url=http%3A%2F%2Fa%2F\(long)")
                #expect(explained["verdict"].string == "REFUSED" && explained["status"].int == 414, "\(explained)")
                #expect(try stage.get("/" + long).status == 414)
            }
        }

        @Test(
            "What is given twice over, or not to be read, is refused",
            arguments: [
                "", "url=", "url=%zz", "url=http%3A%2F%2Fa%2F&method=", "url=http%3A%2F%2Fa%2F&h=",
                "url=http%3A%2F%2Fa%2F&h=%0", "url=http%3A%2F%2Fa%2F&h=Content-Length%3A%205",
                "url=http%3A%2F%2Fa%2F&h=Transfer-Encoding%3A%20chunked",
                "url=http%3A%2F%2Fa%2F&h=a%3A%20b%0D%0Ac%3A%20d",
            ])
        func refused(query: String) throws {
            try ServingStage.run { stage throws in
                let answer = try stage.admin("GET", "/explain?\(query)")
                #expect(answer.status == 400)
                #expect(answer["Content-Type"] == "application/problem+json")
                #expect(try !(answer.json()["detail"].string ?? "").isEmpty)
            }
        }

        @Test("The memory store is looked into without a trace")
        func peeking() throws {
            try ServingStage.run { stage throws in
                let path = stage.origin.script(200, ["Cache-Control: max-age=60"], body: "x")
                _ = try stage.get(path)
                func memory() throws -> String { try "\(stage.admin("GET", "/stats").json()["store"]["memory"])" }
                let before = try memory()
                for _ in 0..<5 { _ = try explain(stage, "url=http%3A%2F%2Fapi.example\(path)") }
                _ = try explain(stage, "url=http%3A%2F%2Fapi.example%2Fother")
                #expect(try memory() == before)
            }
        }

        @Test("Shared and background fetches are counted in stats and metrics alike")
        func sharing() throws {
            try ServingStage.run { stage throws in
                let path = stage.origin.script(
                    200, ["Cache-Control: max-age=0, stale-while-revalidate=60"], body: "x")
                _ = try stage.get(path)
                #expect(try stage.get(path)["X-Cache"] == "STALE")
                #expect(try stage.admin("GET", "/stats").json()["sharing"]["refreshes"].int == 1)
                let metrics = try stage.admin("GET", "/metrics").text
                #expect(metrics.contains("\nlarder_refreshes_total 1\n"))
                #expect(metrics.contains("\nlarder_collapsed_total 0\n"))
            }
        }
    }
}
