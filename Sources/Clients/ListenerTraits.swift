// What the connections of one listener are like. A reload makes others for the connections that come after it.

import TLS

/// Belongs to one worker's thread.
package final class ListenerTraits {
    /// Whether clients speak TLS.
    let isSecure: Bool
    /// By what they do; nil where they don't, and where nobody can be let in for want of it.
    let security: ServerContexts?
    /// The port of https that every request is sent to; nil where none is.
    package let httpsPort: UInt16?

    package init(isSecure: Bool, security: ServerContexts?, httpsPort: UInt16? = nil) {
        self.isSecure = isSecure
        self.security = security
        self.httpsPort = httpsPort
    }
}
