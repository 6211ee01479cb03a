import ClewDiagnostics

extension CheckCatalogue {
    /// Checks of kube-proxy's virtual servers, sorted by code.
    static let ipvs: [any Check] = [
        IPVSModulesMissing(),
        VirtualServerMissing(),
        RealServersDiffer(),
        RealServerWeightZero(),
        ServiceAddressMissing(),
        StaleServiceAddress(),
        SchedulerMisconfigured(),
        ConnReuseTimeWait(),
        IdleTimeoutReset(),
        UDPPersistStale(),
        IPSetProblem(),
        StrictARPOff(),
        ServiceSourceNotMasqueraded(),
        IPVSConntrackOff(),
        BackendUnreachable(),
    ]
}
