package import ClewBundle
package import ClewNet

/// The state of one network namespace.
///
/// `nil` is 'not collected'; an empty collection is 'collected, nothing there'.
package struct NamespaceSnapshot: Sendable {
    /// Sorted by index.
    package var links: [Link]?
    /// Both families, all tables, without duplicates.
    package var routes: [Route]?
    /// Whether routes of that family were collected.
    package var routedFamilies: Set<AddressFamily> = []
    package var routingRules: [RoutingRule] = []
    package var ruleFamilies: Set<AddressFamily> = []
    package var neighbors: [Neighbor]?
    package var forwardingEntries: [ForwardingEntry]?
    package var sysctls: [String: Sysctl] = [:]
    package var conntrack: [ConntrackEntry]?
    package var sockets: [ListeningSocket]?
    /// Protocols whose sockets the dump covers.
    package var socketProtocols: Set<IPProtocol> = []
    package var ipSets: [IPSet]?
    package var virtualServers: [VirtualServer]?
    package var recent: [String: [RecentEntry]] = [:]
    package var ruleSets: [RuleSet] = []
    /// Whether rules were read, or it is known that there are none; `nil` where no file and no manifest tells.
    package var lookedForRules: Bool?
    /// Why rules that may be there are not known: a line for each dump of which the command failed.
    package var lostRuleDumps: [String] = []
    /// Families of those rules.
    package var lostRules: Set<AddressFamily> = []
    /// Data paths that are present but not modelled: eBPF programs on devices, ebtables rules, xfrm policies.
    package var unmodelled: [UnmodelledDataPath] = []
    /// Whether the place was looked at for such data paths (`tc-filter.txt`, `bpf-net.json`, `ebtables-save.txt`, `xfrm.txt`).
    package var lookedForBPF = false
    package var lookedForEbtables = false
    package var lookedForXfrm = false

    package init() {}

    package func link(named name: String) -> Link? { links?.first { $0.name == name } }
}

/// A data path that Clew does not simulate.
package struct UnmodelledDataPath: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable {
        case xdp, tc, cgroup
        /// A BPF program attached to a netfilter hook.
        case netfilter
        case ebtables, xfrm, flowtable, openVSwitch
    }
    package var kind: Kind
    /// `nil`: the whole namespace.
    package var device: String?
    package var text: String
    package var source: SourceLine
    package init(kind: Kind, device: String?, text: String, source: SourceLine) {
        self.kind = kind
        self.device = device
        self.text = text
        self.source = source
    }
}
