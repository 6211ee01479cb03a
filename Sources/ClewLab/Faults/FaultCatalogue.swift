/// The faults `clew-lab` knows, each a value in a file of its kind.
package enum FaultCatalogue {
    package static let all: [Fault] = common.map { $0.limited(to: isHere) } + virtualFaults

    /// Those for networks of the virtual machine.
    package static let virtualFaults = ipvsFaults + tableFaults

    private static let common =
        bridgeFaults + filterFaults + routingFaults + overlayFaults + podFaults + serviceFaults + kubeProxyFaults
        + conntrackFaults + sizeFaults

    /// Those of IPVS are others, and tunnels without a port are probed in a virtual machine.
    private static let isHere: @Sendable (any LabNetwork) -> Bool = {
        $0.proxyMode == .iptables && $0.overlay != "tunl0"
    }

    package static func fault(named name: String) -> Fault? { all.first { $0.name == name } }
}
