import ClewDiagnostics

extension CheckCatalogue {
    /// Checks of routes, overlays and the path MTU, sorted by code.
    static let routing: [any Check] = [
        RouteMissing(),
        WrongNextHop(),
        NodePodCIDROverlap(),
        LocalSubnetShadows(),
        CIDROverlap(),
        NodePodCIDRMissing(),
        PodCIDROutsideClusterCIDR(),
        DefaultRouteMissing(),
        PodMTUTooLarge(),
        MTUDiffers(),
        PathMTUBlackHole(),
        OverlayPortBlocked(),
        IPIPBlocked(),
        VXLANChecksumOffload(),
        TunnelParametersDiffer(),
        TunnelDeviceDown(),
        TunnelEntryMissing(),
        AsymmetricMultihomed(),
        NetworkManagerTouchesCNI(),
        DuplicatePodAddress(),
        DuplicateNodeAddress(),
        NextHopNotOnLink(),
        EgressNotMasqueraded(),
        PodToPodMasqueraded(),
        CloudSourceCheck(),
        LeftoverNetwork(),
        UplinkDown(),
        BlackholeRoute(),
        PolicyRuleDiverts(),
    ]
}
