import ClewDiagnostics

extension CheckCatalogue {
    /// Checks of kube-proxy's rules, sorted by code.
    static let kubeProxy: [any Check] = [
        KubeProxyNotRunning(),
        KubeProxyStale(),
        SyncFailing(),
        ServiceEntryMissing(),
        LoadBalancingChainWrong(),
        DNATToDeadEndpoint(),
        BaseJumpMissing(),
        MasqueradeMissing(),
        StaleReject(),
        ClusterCIDRWrong(),
        HostnameOverrideMismatch(),
        XtablesLockContention(),
        TwoRuleSets(),
        ModeSwitchLeftovers(),
        XtModuleMissing(),
        HairpinMasqueradeMissing(),
        NodePortAddressFilter(),
        LocalhostNodePort(),
        MasqueradeNotRandom(),
        MarkBitConflict(),
        NodePortOccupied(),
        ForeignRuleShadowsService(),
        ConfigNotApplied(),
        UserspaceProxy(),
        ManualNATWorkaround(),
        WatchRefused(),
        MasqueradeAll(),
    ]
}
