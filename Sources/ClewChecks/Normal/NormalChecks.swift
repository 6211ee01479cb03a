import ClewDiagnostics

extension CheckCatalogue {
    /// Checks of what looks alarming and is normal, sorted by code.
    static let normal: [any Check] = []
}
