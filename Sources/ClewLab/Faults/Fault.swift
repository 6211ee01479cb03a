/// A way to break a network, with what it looks like from outside and what Clew must say.
package struct Fault: Sendable {
    /// Who can mend it.
    package enum Mending: String, Sendable, Codable {
        /// Commands on nodes: the kernel can judge them.
        case onNodes
        /// Edits of the API's objects, which the lab has no server for.
        case inObjects
        /// Nobody but the people of the program: no command does.
        case byPeople
    }

    /// `bridge-nf-off`: what the command line calls it.
    package let name: String
    /// The rows of the catalogue of failures that it reproduces.
    package let rows: [String]
    /// What the client sees, and who does not see it.
    package let symptom: String
    /// How the example looks to its client: at least one try fails, and each that fails does so in one of these ways.
    package let client: Set<ClientSymptom>
    /// Text of which Clew's reason, or the line it names as decisive, must hold one for the flow in `example`.
    package let mustSay: [String]
    /// A connection that fails because of it: from and to as `clew trace` takes them; `to` may be a Service.
    package let example: (from: String, to: String)
    /// The source port of the example, where it matters.
    package let sourcePort: UInt16?
    /// The node where the example enters from outside, where that is not the one Clew would take.
    package let via: String?
    /// Bytes that request and answer of the example carry; 0 where any will do.
    package let size: Int
    package let mending: Mending
    /// Whether the fault can exist in a network.
    package let canExist: @Sendable (any LabNetwork) -> Bool
    /// Changes what is built.
    package let prepare: @Sendable (inout ClusterPlan) -> Void
    /// Breaks what was built.
    package let apply: @Sendable (Lab) throws(SystemError) -> Void

    package init(
        _ name: String, rows: [String], symptom: String, client: Set<ClientSymptom>, mustSay: [String],
        example: (from: String, to: String), sourcePort: UInt16? = nil, via: String? = nil, size: Int = 0,
        mending: Mending = .onNodes,
        in canExist: @escaping @Sendable (any LabNetwork) -> Bool = { _ in true },
        prepare: @escaping @Sendable (inout ClusterPlan) -> Void = { _ in },
        apply: @escaping @Sendable (Lab) throws(SystemError) -> Void = { _ throws(SystemError) in }
    ) {
        self.name = name
        self.rows = rows
        self.symptom = symptom
        self.client = client
        self.mustSay = mustSay
        self.example = example
        self.sourcePort = sourcePort
        self.via = via
        self.size = size
        self.mending = mending
        self.canExist = canExist
        self.prepare = prepare
        self.apply = apply
    }

    /// ``rows`` as checks name them: `BR001`.
    package var codes: [String] { rows.map { $0.hasPrefix("CLEW-") ? String($0.dropFirst("CLEW-".count)) : $0 } }

    /// The same in fewer networks.
    func limited(to isPossible: @escaping @Sendable (any LabNetwork) -> Bool) -> Fault {
        let canExist = canExist
        return Fault(
            name, rows: rows, symptom: symptom, client: client, mustSay: mustSay, example: example,
            sourcePort: sourcePort, via: via, size: size, mending: mending, in: { isPossible($0) && canExist($0) },
            prepare: prepare,
            apply: apply)
    }
}
