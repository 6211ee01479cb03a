import ClewDiagnostics

extension CheckCatalogue {
    /// Checks of sysctls and modules, sorted by code.
    static let kernel: [any Check] = [
        IPForwardOff(),
        InterfaceForwardingOff(),
        ReversePathFilterStrict(),
    ]
}
