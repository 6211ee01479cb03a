import ClewDiagnostics

extension CheckCatalogue {
    /// Checks of API objects, sorted by code.
    static let objects: [any Check] = [
        SvcNoEndpoints(),
        SelectorMatchesNothing(),
        PodsNotReady(),
        TargetPortNotListened(),
        NamedPortMissing(),
        NamedPortDiffers(),
        ProtocolMismatch(),
        BoundToLoopback(),
        ManualEndpointsWrong(),
        SliceWithoutService(),
        StaleEndpointAddress(),
        ExternalPolicyNoLocalEndpoint(),
        InternalPolicyNoLocalEndpoint(),
        ClientSourceLost(),
        LoadBalancerPending(),
        SourceRangesBlock(),
        ExternalNameMisuse(),
        ExternalIPConflict(),
        HostPortConflict(),
        FamilyMismatch(),
        ServiceIgnored(),
    ]
}
