import Foundation
import TestSupport
import Testing

// Routes that ask no API: `respond` and `redirect`.

@Suite("Responses that a route gives itself")
struct OwnResponseTests {
    private func play(_ body: (LarderProcess, String) throws -> Void) throws {
        try Stage.run { stage in
            let file = try TemporaryFolder.make("respond") + "/document.json"
            try "{\"a\": 1}".write(toFile: file, atomically: true, encoding: .utf8)
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "",
                    routes: """
                        - {path: /gone, respond: 410}
                        - {path: /text, respond: {body: "some text\\n", headers: {Cache-Control: max-age=60, X-A: b}}}
                        - {path: /file, respond: {file: \(file), status: 203}}
                        - {path: /nothing, respond: {status: 204, headers: {X-A: b}}}
                        - {path: /reset, respond: 205}
                        - {path: /same, respond: 304}
                        - {path: "/old/{rest...}", redirect: "/new/{rest}?{query}"}
                        - {path: /secure, redirect: {to: "https://{host}{path}?{query}", status: 301}}
                        - {path: "/up/{rest...}", redirect: "/{rest}"}
                        """))
            try body(larder, file)
        }
    }

    @Test("respond: status, content, type and headers, for every method")
    func respond() throws {
        try play { larder, _ in
            let gone = try larder.get("/gone")
            #expect(gone.status == 410 && gone.body.isEmpty && gone["Content-Length"] == "0")
            #expect(gone["Content-Type"] == nil)
            for method in ["GET", "DELETE", "OPTIONS", "QUERY"] {
                let text = try larder.request(method, "/text")
                #expect(text.status == 200 && text.text == "some text\n", "\(method)")
                #expect(text["Content-Type"] == "text/plain; charset=utf-8" && text["X-A"] == "b")
                #expect(text["Cache-Control"] == "max-age=60" && text["Date"] != nil)
            }
            let file = try larder.get("/file")
            #expect(file.status == 203 && file.text == "{\"a\": 1}" && file["Content-Type"] == "application/json")
        }
    }

    @Test("HEAD has the fields of GET and no content; 204, 205 and 304 have none (RFC 9110 §8.6)")
    func withoutContent() throws {
        try play { larder, _ in
            let client = try larder.client()
            let head = try client.request("HEAD", "/text")
            #expect(head.status == 200 && head.body.isEmpty && head["Content-Length"] == "10")
            for (path, status, length) in [("/nothing", 204, nil), ("/same", 304, nil), ("/reset", 205, "0")] {
                for method in ["GET", "HEAD"] {
                    let response = try client.request(method, path)
                    #expect(response.status == status && response["Content-Length"] == length, "\(method) \(path)")
                    #expect(response.body.isEmpty && response["Transfer-Encoding"] == nil)
                }
            }
            #expect(try client.request("GET", "/text").text == "some text\n")
        }
    }

    @Test("Content that nobody reads isn't taken for the next request")
    func content() throws {
        try play { larder, _ in
            let content = Array("GET /gone HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
            for (path, status) in [("/text", 200), ("/old/x", 308)] {
                let client = try larder.client()
                let response = try client.request("POST", path, body: content)
                #expect(response.status == status && response["Connection"] == "close")
                #expect(try client.readToEnd().isEmpty)
            }
        }
    }

    @Test("redirect: parameters, host, path and query; 308 unless the route says otherwise")
    func redirect() throws {
        try play { larder, _ in
            for (path, status, location) in [
                ("/old/a%2fb/c?d=e", 308, "/new/a%2Fb/c?d=e"), ("/old", 308, "/new"), ("/old/", 308, "/new/"),
                ("/secure?a=b", 301, "https://shop.example/secure?a=b"),
                ("/secure", 301, "https://shop.example/secure"),
            ] {
                for method in ["GET", "HEAD", "POST"] {
                    let response = try larder.request(
                        method, path, ["Host: Shop.Example:8080"], body: method == "POST" ? [1] : nil)
                    #expect(response.status == status && response["Location"] == location, "\(method) \(path)")
                    #expect(response["Content-Length"] == "0" && response.body.isEmpty)
                }
            }
        }
    }

    @Test("A client can neither choose the host of a redirect nor write fields into it")
    func hostile() throws {
        try play { larder, _ in
            #expect(try larder.get("/up//evil.example/x").status == 400)
            #expect(try larder.get("/up/\\evil.example")["Location"] == "/%5Cevil.example")
            let split = try larder.get("/up/a%0d%0aSet-Cookie:%20a=b")
            #expect(split["Location"] == "/a%0D%0ASet-Cookie:%20a=b" && split["Set-Cookie"] == nil)
            // Without a host there is nowhere to go.
            let old = try larder.exchange(Array("GET /secure HTTP/1.0\r\n\r\n".utf8)).text
            #expect(old.hasPrefix("HTTP/1.1 400 "))
        }
    }

    @Test("explain, key, stats and the effective file tell of them")
    func told() throws {
        try play { larder, file in
            _ = try larder.get("/gone")
            let explained = try larder.admin("GET", "/explain?method=GET&url=http%3A%2F%2Fh%2Fgone").json()
            #expect(explained["verdict"].string == "OWN" && explained["status"].int == 410)
            #expect(!explained["route"]["upstream"].exists && explained["next"].string == "respond with 410")
            #expect(try larder.command(["explain", "GET", "http://h/old/x"]).output.contains("OWN 308"))
            let key = try larder.command(["key", "GET", "http://h/old/x?y"])
            #expect(key.status == 0 && key.output.hasSuffix("redirects: 308 /new/x?y\n"))
            #expect(try larder.command(["key", "GET", "http://h/gone"]).output.hasSuffix("responds: 410\n"))
            let row = try #require(try larder.stats()["routes"].list?.first { $0["path"].string == "/gone" })
            #expect(row["respond"].int == 410 && row["requests"].int == 1 && !row["upstream"].exists)
            let text = try larder.admin("GET", "/config").text
            #expect(text.contains("file: \(file)") && text.contains("to: \"/new/{rest}?{query}\""))
        }
    }

    @Test("A file is read at the start and at each reload; one that can't be read changes nothing")
    func reload() throws {
        try play { larder, file in
            #expect(try larder.get("/file").text == "{\"a\": 1}")
            try "{\"a\": 2}".write(toFile: file, atomically: true, encoding: .utf8)
            #expect(try larder.get("/file").text == "{\"a\": 1}")
            #expect(try larder.command(["reload"]).status == 0)
            #expect(try larder.get("/file").text == "{\"a\": 2}")
            try FileManager.default.removeItem(atPath: file)
            let missing = try larder.command(["reload"])
            #expect(missing.status == 1 && missing.errors.contains("document.json"), "\(missing.errors)")
            #expect(try larder.get("/file").text == "{\"a\": 2}")
            #expect(try larder.command(["check"]).errors.contains(": error: the file `"))
            try Data(count: (1 << 20) + 1).write(to: URL(fileURLWithPath: file))
            #expect(try larder.command(["check"]).errors.contains("larger than 1048576 bytes"))
        }
    }
}
