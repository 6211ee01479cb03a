import ClewDiagnostics

extension CheckCatalogue {
    /// Checks of sysctls and modules, sorted by code.
    static let kernel: [any Check] = [
        IPForwardOff(),
        SysctlNotPersistent(),
        InterfaceForwardingOff(),
        ReversePathFilterStrict(),
        NeighbourTableOverflow(),
        TCPTimeWaitRecycle(),
        NodePortOverlapsEphemeral(),
        EphemeralPortsExhausted(),
        IPv6Off(),
        NICErrors(),
        TCPTuningMisconception(),
        OverlayModuleMissing(),
    ]
}
