import ClewDiagnostics

extension CheckCatalogue {
    /// Checks of API objects, sorted by code.
    static let objects: [any Check] = [
        SvcNoEndpoints(),
        SelectorMatchesNothing(),
        PodsNotReady(),
        TargetPortNotListened(),
        NamedPortMissing(),
    ]
}
