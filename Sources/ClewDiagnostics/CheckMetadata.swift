/// How bad a finding is.
package enum Severity: String, Sendable, Hashable, CaseIterable, Comparable {
    /// Loses no traffic.
    case notice
    /// Will lose traffic, or loses some.
    case warning
    /// Loses traffic now.
    case error

    package static func < (a: Self, b: Self) -> Bool { a.rank < b.rank }

    private var rank: Int {
        switch self {
        case .notice: 0
        case .warning: 1
        case .error: 2
        }
    }
}

/// How sure a finding is.
package enum Confidence: String, Sendable, Hashable, CaseIterable, Comparable {
    /// The bundle leaves room for it: a part that would tell was not collected.
    case possible
    /// One inference away from what was read.
    case likely
    /// Read or simulated in full.
    case proven

    package static func < (a: Self, b: Self) -> Bool { a.rank < b.rank }

    private var rank: Int {
        switch self {
        case .possible: 0
        case .likely: 1
        case .proven: 2
        }
    }
}

/// A chapter of the catalogue of failures.
package enum CheckGroup: String, Sendable, Hashable, CaseIterable {
    case objects = "OBJ"
    case kubeProxy = "KPX"
    case ipvs = "IPV"
    case kernel = "SYS"
    case routing = "RTE"
    case bridge = "BR"
    case firewall = "FW"
    case policy = "POL"
    case conntrack = "CT"
    case flannel = "FLN"
    case calico = "CAL"
    /// The control plane and the node's agents.
    case controlPlane = "CP"
    /// Lost connections that no other check explains.
    case walk = "WLK"
    /// Looks alarming, and is normal.
    case normal = "OK"
}

/// What is to be known of a check without running it: for `clew checks`, `clew explain` and every report.
package struct CheckMetadata: Sendable, Hashable {
    /// `BR001`: stays for ever.
    package var code: String
    /// `bridge-nf-off`: names the fault, not the cure.
    package var name: String
    package var group: CheckGroup
    /// The worst its findings can be.
    package var severity: Severity
    /// One sentence: what is the case when it fires.
    package var finds: String
    /// One sentence: what users feel of it.
    package var matters: String
    /// Commands that show it by hand.
    package var confirm: [String]
    /// One or two sentences: what a person does about it.
    package var fix: String
    /// Kernel file, man page, or document that defines the behaviour.
    package var sources: [String]

    package init(
        code: String, name: String, group: CheckGroup, severity: Severity, finds: String, matters: String,
        confirm: [String] = [], fix: String, sources: [String]
    ) {
        self.code = code
        self.name = name
        self.group = group
        self.severity = severity
        self.finds = finds
        self.matters = matters
        self.confirm = confirm
        self.fix = fix
        self.sources = sources
    }
}

/// One way a cluster's service network can fail, and how a bundle shows it.
///
/// A check is a value without state; what it looks at is in the ``CheckContext``, what it says only there.
package protocol Check: Sendable {
    static var metadata: CheckMetadata { get }
    init()
    /// In a fixed order; never the same fault of the same subject twice.
    func findings(in context: CheckContext) -> [Finding]
}
