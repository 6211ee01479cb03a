import ClewDiagnostics

extension CheckCatalogue {
    /// Checks of routes, overlays and the path MTU, sorted by code.
    static let routing: [any Check] = [
        RouteMissing(),
        TunnelEntryMissing(),
        BlackholeRoute(),
    ]
}
