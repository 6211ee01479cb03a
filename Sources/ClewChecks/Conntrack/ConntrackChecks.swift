import ClewDiagnostics

extension CheckCatalogue {
    /// Checks of connection tracking, sorted by code.
    static let conntrack: [any Check] = [
        ConntrackTableFull(),
        ConntrackNearFull(),
        InsertFailed(),
        HashTooSmall(),
        TimeWaitAccumulation(),
        EstablishedNeverExpires(),
        UDPEntryToDeadEndpoint(),
        UDPBlackhole(),
        InvalidReset(),
        KubeProxyOverridesMax(),
        SNATPortExhaustion(),
        NoTrackRule(),
        ConntrackMissing(),
    ]
}
