import ClewDiagnostics

extension CheckCatalogue {
    /// Checks of what looks alarming and is normal, sorted by code.
    static let normal: [any Check] = [
        PingClusterIPUnanswered(),
        ChecksumIncorrectOffload(),
        UnusedBridgeWithoutCarrier(),
        BlackholeOfOwnBlock(),
        UnrepliedOneWayUDP(),
        MasqueradeByDesign(),
        HarmlessWarnings(),
        KubeIPVS0Down(),
        CalicoMACs(),
        NodePortNotListening(),
        LocalPolicySingleNode(),
        TTLAcrossTunnels(),
        TunnelStateUnknown(),
    ]
}
