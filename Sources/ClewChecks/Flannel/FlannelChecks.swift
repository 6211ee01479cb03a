import ClewDiagnostics

extension CheckCatalogue {
    /// Checks of Flannel, sorted by code.
    static let flannel: [any Check] = []
}
