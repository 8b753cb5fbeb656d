// Where the master is that sentinels name, for the whole process.

import CacheStorage

/// A master, and its number: each change of the address has the next one.
package struct NumberedMaster: Sendable, Hashable {
    package var address: MasterAddress
    package var number: UInt64
}

/// What the search for the master is asked to do.
package enum MasterWish: Sendable {
    case lookAgain
    /// What the sentinel said that was asked last can't be used.
    case askAnother
}

package typealias MasterLocation = Whereabouts<NumberedMaster, MasterFigures, MasterWish>

extension Whereabouts where Found == NumberedMaster, Figures == MasterFigures, Wish == MasterWish {
    package convenience init(name: String) {
        var figures = MasterFigures()
        figures.name = name
        self.init(figures)
    }

    package var master: NumberedMaster? { found }

    /// - Parameter sentinel: which named it.
    func set(_ master: NumberedMaster, namedBy sentinel: MasterAddress) {
        set(master) { figures, isChange in
            if isChange { figures.changes += 1 }
            figures.master = master.address
            figures.sentinel = sentinel
            figures.trouble = nil
        }
    }

    func noteConfirmation(by sentinel: MasterAddress) {
        change { figures in
            figures.sentinel = sentinel
            figures.trouble = nil
        }
    }

    func note(_ trouble: MasterSearchTrouble) {
        change { figures in
            figures.sentinel = nil
            figures.trouble = trouble
        }
    }
}
