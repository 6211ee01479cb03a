import ClewDiagnostics

extension CheckCatalogue {
    /// Checks of kube-proxy's rules, sorted by code.
    static let kubeProxy: [any Check] = [
        ServiceEntryMissing(),
        StaleReject(),
    ]
}
