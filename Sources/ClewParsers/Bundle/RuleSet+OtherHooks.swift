import ClewBundle
import ClewSnapshot

extension RuleSet {
    /// The chains that are hooked where the IP path has no hook, or at a place that was not understood, and that could
    /// do something: those without rules whose policy accepts do nothing, and those of `arp` see no IP packet.
    var chainsBesideTheIPPath: [UnmodelledDataPath] {
        chains.compactMap { chain in
            let table = tables[Int(chain.table.rawValue)]
            let hook = string(chain.unmodelledHook)
            guard !hook.isEmpty, !table.isDormant, table.family != .arp,
                chain.ruleCount > 0 || hook.hasSuffix("policy drop")
            else { return nil }
            return UnmodelledDataPath(
                kind: table.family == .bridge ? .ebtables : .netfilter, device: nil,
                text: "\(table.name) \(string(chain.name)): \(hook)", source: SourceLine(artifact, line: chain.line))
        }
    }
}
