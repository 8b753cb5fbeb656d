// One listener's TLS on one worker, and what it was made of: a reload that brings the same goes on with it.

import TLS

struct WorkerSecurity {
    let credentials: ListenerCredentials
    let ticketKeys: TicketKeys
    /// What may be spoken behind it, as RFC 7301 names it.
    let protocols: [String]
    let contexts: ServerContexts
}
