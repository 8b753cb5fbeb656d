// What changes a response on its way from an exchange to its delegate, as another content coding does. The delegate sees the
// changed one only.

import Bytes
import HTTPWire

/// Called on the worker's thread, for one response.
package protocol ResponseTransform: AnyObject {
    /// The head of the final response. `bytes` begin with it.
    /// - Returns: the lines of the head that takes its place, with the empty one at the end and without framing fields where
    ///   the body changes; nil where it stays.
    func begin(_ head: borrowing ResponseHead, _ bytes: Span<UInt8>) -> [UInt8]?
    /// Whether the body changes. Known once the head is there.
    var changesBody: Bool { get }

    // Each appends what is to be passed on, and says whether that went well. If not the response can't be completed.

    func take(_ piece: Span<UInt8>, into output: inout ByteBuffer) -> Bool
    /// No more of the body arrived in this turn.
    func endTurn(into output: inout ByteBuffer) -> Bool
    /// The body is complete.
    func finish(into output: inout ByteBuffer) -> Bool
}
