/// A remedy: the commands a person runs, and the same change as an edit that can be simulated.
package struct Fix: Sendable {
    /// What it does, as an order: `let bridged traffic pass iptables on worker-a`.
    package var title: String
    /// Empty: it cannot be simulated.
    package var edits: [SnapshotEdit]
    package var commands: [FixCommand]
    package var proof: FixProof

    package init(_ title: String, edits: [SnapshotEdit] = [], commands: [FixCommand]) {
        self.title = title
        self.edits = edits
        self.commands = commands
        proof = edits.isEmpty ? .adviceOnly("it changes nothing that a bundle shows") : .notTried
    }
}

/// One command of a fix, safe to be run twice.
package struct FixCommand: Sendable, Hashable {
    package enum Place: Sendable, Hashable {
        case node(String)
        /// Where `kubectl` works.
        case workstation
    }

    package var place: Place
    package var command: String
    /// Makes it last over a reboot; `nil` where it does by itself.
    package var persist: String?
    /// Brings back what was there before; `nil` where nothing has to be undone.
    package var undo: String?

    package init(_ place: Place, _ command: String, persist: String? = nil, undo: String? = nil) {
        self.place = place
        self.command = command
        self.persist = persist
        self.undo = undo
    }
}

/// What simulating a fix has shown.
package enum FixProof: Sendable {
    case notTried
    /// Every connection the finding breaks works, and none that worked does no more.
    case proven(SurveyChange)
    /// Some of the broken connections work, or some fail for another reason now; nothing else broke.
    case partly(SurveyChange, because: String)
    case notProven(SurveyChange?, because: String)
    /// It cannot be simulated; why.
    case adviceOnly(String)
}

/// The connections that an edit gives another answer.
package struct SurveyChange: Sendable {
    /// They failed or could not be told, and work now.
    package var repaired: [TracedConnection]
    /// Their places in the survey.
    package var repairedNumbers: Set<Int> = []
    /// They worked and do no more, as they are after the edit.
    package var broken: [TracedConnection]
    /// They do not work before and after.
    package var stillFailing: [TracedConnection]
    /// How many were walked.
    package var walked: Int

    package init(
        repaired: [TracedConnection], broken: [TracedConnection], stillFailing: [TracedConnection], walked: Int
    ) {
        self.repaired = repaired
        self.broken = broken
        self.stillFailing = stillFailing
        self.walked = walked
    }
}
