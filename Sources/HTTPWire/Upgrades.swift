// Leaving HTTP for another protocol (RFC 9110 §7.8): what a request offers, and what a 101 switches to.

import Bytes
import HTTPSemantics

extension RequestHead {
    /// Whether the client wants to leave HTTP for one of these protocols, in lower case (RFC 9110 §7.8).
    package func offersUpgrade(toAnyOf protocols: [[UInt8]], in bytes: Span<UInt8>) -> Bool {
        guard wantsUpgrade else { return false }
        for field in fields where field.known == .upgrade {
            var elements = ListElements(field.value)
            while let element = elements.next(in: bytes) {
                if bytes.extracting(element).isProtocol(amongst: protocols) { return true }
            }
        }
        return false
    }

    /// Those of the protocols, in lower case, that the client offers.
    package func upgrades(amongst protocols: [[UInt8]], in bytes: Span<UInt8>) -> [[UInt8]] {
        var offered: [[UInt8]] = []
        for field in fields where field.known == .upgrade {
            var elements = ListElements(field.value)
            while let element = elements.next(in: bytes) {
                let text = bytes.extracting(element)
                offered += protocols.filter { text.isProtocol(amongst: [$0]) && !offered.contains($0) }
            }
        }
        return offered
    }
}

extension ResponseHead {
    /// Whether all protocols that it names, and there is one, are amongst those that were offered, in lower case.
    package func switches(toOneOf offered: [[UInt8]], in bytes: Span<UInt8>) -> Bool {
        var isNamed = false
        for field in fields where field.known == .upgrade {
            var elements = ListElements(field.value)
            while let element = elements.next(in: bytes) {
                guard bytes.extracting(element).isProtocol(amongst: offered) else { return false }
                isNamed = true
            }
        }
        return isNamed
    }
}

extension Span<UInt8> {
    /// Whether it names one of the protocols, which are in lower case; a version after a slash is any.
    func isProtocol(amongst protocols: [[UInt8]]) -> Bool {
        var end = 0
        while end < count, self[end] != UInt8(ascii: "/") { end += 1 }
        let name = extracting(..<end)
        for known in protocols where Token.equalIgnoringCase(name, known.span) { return true }
        return false
    }
}
