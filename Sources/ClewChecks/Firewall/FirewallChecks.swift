import ClewDiagnostics

extension CheckCatalogue {
    /// Checks of the host firewall, sorted by code.
    static let firewall: [any Check] = [
        ForwardPolicyDrop(),
        RejectBeforeKube(),
        InputBlocksClusterPort(),
        DropRule(),
        OutputBlock(),
    ]
}
