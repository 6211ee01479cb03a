import ClewDiagnostics

extension CheckCatalogue {
    /// Checks of Flannel, sorted by code.
    static let flannel: [any Check] = [
        FlanneldNotRunning(),
        SubnetFileMissing(),
        SubnetFileMismatch(),
        NetConfMismatch(),
        DockerBipMismatch(),
        DockerOptionsMismatch(),
        LeaseProblem(),
        BackendMismatch(),
        VtepMACMismatch(),
        FlannelStartupError(),
        WrongPublicIP(),
        FlannelForwardDrop(),
        FlannelMTUUnexpected(),
        FlannelMasqueradeMissing(),
    ]
}
