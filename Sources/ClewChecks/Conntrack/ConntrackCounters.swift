import ClewSnapshot

/// Counters of `conntrack -S`, which count from the node's start.
enum ConntrackCounters {
    /// By how much a counter grew between the samples; `nil` where there are not two.
    static func growth(of name: String, on node: NodeSnapshot) -> UInt64? {
        let samples = node.records.conntrackCounters.compactMap { $0.values[name] }
        guard samples.count > 1, let first = samples.first, let last = samples.last else { return nil }
        return last >= first ? last - first : 0
    }
}
