import ClewDiagnostics

extension CheckCatalogue {
    /// Checks of Calico's routing, sorted by code.
    static let calico: [any Check] = [
        BGPNotEstablished(),
        WrongAutodetectedAddress(),
        EncapsulationModeWrong(),
        BlockAffinityStale(),
        PodRouteMissing(),
        TunnelAddressOrMTU(),
    ]
}
