import ClewDiagnostics

extension CheckCatalogue {
    /// Checks of the bridge and what CNI plugins plug into it, sorted by code.
    static let bridge: [any Check] = [
        BridgeNfCallOff(),
        BrNetfilterNotLoaded(),
        BridgeNfCall6Off(),
        BridgeSettingsNotPersistent(),
        HairpinOff(),
        VethNotAttached(),
        BridgeAddressDiffers(),
        PodBridgeDown(),
        CNIConfigurationMissing(),
        CNIConfigurationOrder(),
        CNIBinaryMissing(),
        CNIConfigurationInvalid(),
        PodOutsideNodeRange(),
        PromiscuousBridge(),
        ForwardDropWithBridgeNf(),
        SandboxCreationFailed(),
        PodNamespaceBroken(),
    ]
}
