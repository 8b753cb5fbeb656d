// Whether the server of a connection is a master. What sentinels say of it may be out of date: a master that was cut off goes
// on answering, and one that comes back is a replica a moment later.

/// Receives the reply to ROLE, before that to the PING which makes the connection serve.
final class RoleCheck: CommandReceiver {
    private var isMaster = false

    func receive(array elements: [ReplyElement], for command: PendingCommand) {
        isMaster = elements.first?.bytes == Array("master".utf8)
    }

    func finish(_ command: PendingCommand, with outcome: CommandOutcome, on connection: RedisConnection) {
        switch outcome {
        case .reply(.array):
            defer { isMaster = false }
            if !isMaster { connection.handle(.lost(.notMaster)) }
        case .reply(.error(.other)), .reply(.error(.wrongType)), .reply(.absent): connection.handle(.lost(.notMaster))
        // What other errors mean is decided by the state of the connection.
        case .reply, .abandoned: break
        }
    }
}
