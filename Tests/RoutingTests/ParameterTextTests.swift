import Bytes
import Configuration
import HTTPWire
import Testing

@testable import Routing

@Suite("Texts made of path parameters, and of request values")
struct ParameterTextTests {
    /// What becomes of a template for a path that the pattern matches.
    private func text(_ pattern: String, _ path: String, _ make: (Span<UInt8>, RouteMatch) throws -> String) throws
        -> String
    {
        let table = try RouteTable([try route(pattern)])
        let bytes = Array(path.utf8)
        guard case .matched(let match) = table.match(bytes.span, host: .empty, path: ByteRange(0, bytes.count)) else {
            return "no match"
        }
        return try make(bytes.span, match)
    }

    private func tag(_ template: String, _ pattern: String, _ path: String) throws -> String {
        let names = try PathPattern(parsing: pattern).parameterNames
        return try text(pattern, path) { bytes, match in
            var text = ByteBuffer()
            ParameterText(try ParameterTemplate(tag: template), parameters: names)
                .appendTag(bytes, match, to: &text)
            return text.span.text()
        }
    }

    private func target(_ template: String, _ pattern: String, _ path: String) throws -> String {
        let names = try PathPattern(parsing: pattern).parameterNames
        return try text(pattern, path) { bytes, match in
            let target = try InvalidatedTarget(parsing: template)
            let text = ParameterText(target.template, parameters: names).target(bytes, match)
            return String(decoding: text, as: UTF8.self) + (target.isPrefix ? "*" : "")
        }
    }

    @Test(
        "A value can't end its tag, and the same value has one spelling",
        arguments: [
            ("product:{id}", "/products/{id}", "/products/5", "product:5"),
            ("product:{path.id}", "/products/{id}", "/products/5", "product:5"),
            ("product:{id}", "/products/{id}", "/products/a,b", "product:a%2Cb"),
            ("product:{id}", "/products/{id}", "/products/%61%2c%e4", "product:a%252C%E4"),
            ("{b}/{a}", "/{a}/{b}", "/1/2", "2/1"), ("file:{f}", "/files/{f...}", "/files/a/b%2Fc", "file:a/b%2Fc"),
            ("all", "/products/{id}", "/products/5", "all"),
        ])
    func tags(_ template: String, _ pattern: String, _ path: String, _ expected: String) throws {
        #expect(try tag(template, pattern, path) == expected)
    }

    @Test(
        "A target is in the normal form of paths, and in a query a value is one value",
        arguments: [
            ("/products", "/products/{id}", "/products/5", "/products"),
            ("/products?*", "/products/{id}", "/products/5", "/products?*"),
            ("/users/{id}/*", "/users/{id}/orders", "/users/%41%2fb/orders", "/users/A%2Fb/*"),
            ("/list?user={id}&all", "/users/{id}", "/users/a&b=c", "/list?user=a%26b%3Dc&all"),
            ("/%7euser/{id}", "/users/{id}", "/users/1", "/~user/1"), ("/*", "/users/{id}", "/users/1", "/*"),
            ("/a{id}*", "/users/{id}", "/users/1", "/a1*"),
        ])
    func targets(_ template: String, _ pattern: String, _ path: String, _ expected: String) throws {
        #expect(try target(template, pattern, path) == expected)
    }

    // MARK: The key of servers

    private func number(_ key: String?, _ url: String = "http://h/a?x=1", _ fields: [String] = []) throws -> UInt64? {
        let request = try SyntheticRequest(url: url, fields: fields)
        let recipe = BalanceRecipe(try key.map { try BalanceKey(parsing: $0) })
        return recipe.number(of: request.head, request.bytes.span, scheme: request.scheme)
    }

    @Test("Without a template, host and path decide, in their normal form")
    func standard() throws {
        let plain = try number(nil)
        #expect(plain != nil)
        #expect(try number(nil, "http://H:80/%61?x=2") == plain)
        #expect(try number(nil, "http://h/b?x=1") != plain)
        #expect(try number(nil, "http://i/a?x=1") != plain)
    }

    @Test(
        "Each value counts, and a request without one has no key",
        arguments: [
            ("{header.x-user}", "X-User: a", "X-User: b"), ("{cookie.sid}", "Cookie: sid=a", "Cookie: sid=b"),
        ])
    func values(_ key: String, _ first: String, _ second: String) throws {
        let number = try number(key, "http://h/a", [first])
        #expect(number != nil)
        #expect(try self.number(key, "http://h/b", [first]) == number)
        #expect(try self.number(key, "http://h/a", [second]) != number)
        #expect(try self.number(key) == nil)
        #expect(try self.number(String(key.dropLast()) + "|x}") != nil)
    }

    @Test("No value runs into the next one")
    func boundaries() throws {
        let key = "{query.a}{query.b|}"
        #expect(try number(key, "http://h/?a=12&b=3") != number(key, "http://h/?a=1&b=23"))
        #expect(try number(key, "http://h/?b=3") == nil)
    }
}
