// Which node has which slots, for the whole process.

import CacheStorage

/// What the search for slots is asked to do.
package enum SlotWish: Sendable, Equatable {
    /// Ask this node, which knows something new.
    case ask(MasterAddress)
    /// What the node said that was asked last is of no use.
    case askAnother
}

package typealias SlotLocation = Whereabouts<SlotMap, ClusterFigures, SlotWish>

extension Whereabouts where Found == SlotMap, Figures == ClusterFigures, Wish == SlotWish {
    package convenience init() { self.init(ClusterFigures()) }

    var map: SlotMap? { found }

    func noteRedirection() { change { $0.redirections += 1 } }

    /// - Parameter node: which said so.
    func set(_ map: SlotMap, from node: MasterAddress) {
        set(map) { figures, isChange in
            if isChange { figures.changes += 1 }
            figures.masters = map.masters.count
            figures.slots = map.coveredCount
            figures.node = node
            figures.trouble = nil
        }
    }

    func noteConfirmation(by node: MasterAddress) {
        change { figures in
            figures.node = node
            figures.trouble = nil
        }
    }

    func note(_ trouble: ClusterTrouble) {
        change { figures in
            figures.node = nil
            figures.trouble = trouble
        }
    }
}
