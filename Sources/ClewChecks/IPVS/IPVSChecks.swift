import ClewDiagnostics

extension CheckCatalogue {
    /// Checks of kube-proxy's virtual servers, sorted by code.
    static let ipvs: [any Check] = []
}
