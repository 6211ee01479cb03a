import ClewDiagnostics

extension CheckCatalogue {
    /// Checks of connection tracking, sorted by code.
    static let conntrack: [any Check] = []
}
