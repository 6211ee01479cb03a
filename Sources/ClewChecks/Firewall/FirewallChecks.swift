import ClewDiagnostics

extension CheckCatalogue {
    /// Checks of the host firewall, sorted by code.
    static let firewall: [any Check] = [
        ForwardPolicyDrop(),
        FirewalldActive(),
        RejectBeforeKube(),
        InputBlocksClusterPort(),
        RulesFlushed(),
        LegacyOnlyDrop(),
        DropRule(),
        OutputBlock(),
        PolicyDrops(),
    ]
}
