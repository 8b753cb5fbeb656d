import Foundation
import TestSupport
import Testing

// Users, and every kind of answer that is for one of them only. Each user has a mark, which the origin puts into what it
// answers.

/// Somebody with credentials.
struct User: Sendable {
    let number: Int
    var mark: String { "who-\(number)-" }

    /// The marks in a text; one that a range cuts before its number is nobody's.
    static func marks(in text: String) -> Set<String> {
        let numbers = text.components(separatedBy: "who-").dropFirst().map { $0.prefix { $0.isNumber } }
        return Set(numbers.filter { !$0.isEmpty }.map { "who-\($0)-" })
    }
}

/// Why an answer is one user's, by what the origin sends.
enum Secret: String, CaseIterable, CustomTestStringConvertible, Sendable {
    case setCookie, isPrivate, noStore, noCache, privateField, privateCookie, noCacheField, authorization, varyStar,
        varyCookie, nothingSaid, failure
    var testDescription: String { rawValue }

    func credentials(_ user: User) -> [String] {
        self == .authorization ? ["Authorization: Bearer \(user.mark)"] : ["Cookie: id=\(user.mark)"]
    }

    func fields(_ mark: String) -> [String] {
        switch self {
        case .setCookie: ["Cache-Control: max-age=60", "Set-Cookie: id=\(mark)"]
        case .isPrivate: ["Cache-Control: private, max-age=60"]
        case .noStore: ["Cache-Control: no-store, max-age=60"]
        case .noCache: ["Cache-Control: no-cache, max-age=60", "ETag: \"\(mark)\""]
        case .privateField: ["Cache-Control: private=\"X-Secret\", max-age=60", "X-Secret: \(mark)"]
        case .privateCookie: ["Cache-Control: private=\"Set-Cookie\", max-age=60", "Set-Cookie: id=\(mark)"]
        case .noCacheField: ["Cache-Control: no-cache=\"X-Secret\", max-age=60", "X-Secret: \(mark)"]
        case .authorization: ["Cache-Control: max-age=60"]
        case .varyStar: ["Cache-Control: max-age=60", "Vary: Accept, *"]
        case .varyCookie: ["Cache-Control: max-age=60", "Vary: Cookie"]
        case .nothingSaid, .failure: []
        }
    }

    var status: Int { self == .failure ? 500 : 200 }

    /// The whole content: with the mark all over, or for all where only a field is one user's.
    func content(_ mark: String) -> String {
        switch self {
        case .privateField, .privateCookie, .noCacheField: String(repeating: "common ", count: 100)
        default: String(repeating: "\(mark) ", count: 100)
        }
    }

    /// Those that force mode doesn't make an answer for all of.
    static let forced: [Secret] = [.setCookie, .authorization]
}

extension Exchange {
    /// The mark of who asks.
    var mark: String {
        User.marks(in: (request["Authorization"] ?? "") + (request["Cookie"] ?? "")).first ?? "nobody"
    }

    /// The answer for who asks, a range of it where that is asked for.
    func answer(_ secret: Secret) throws {
        let content = Array(secret.content(mark).utf8)
        let ends = request["Range"]?.dropFirst("bytes=".count).split(separator: "-").compactMap { Int($0) } ?? []
        guard ends.count == 2, secret.status == 200 else {
            return try respond(secret.status, secret.fields(mark), bytes: content)
        }
        let range = "Content-Range: bytes \(ends[0])-\(ends[1])/\(content.count)"
        try respond(206, secret.fields(mark) + [range], bytes: Array(content[ends[0]...ends[1]]))
    }
}
