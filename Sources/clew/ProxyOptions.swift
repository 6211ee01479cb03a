import ArgumentParser
import ClewIntent
import ClewNet

/// kube-proxy's parameters, where they are known better than the bundle knows them.
struct ProxyOptions: ParsableArguments {
    @Option(help: "iptables, nftables or ipvs.") var proxyMode: String?
    @Option(help: ArgumentHelp("kube-proxy's version, such as 1.30.", valueName: "version")) var proxyVersion: String?
    @Option(
        help: ArgumentHelp(
            "Sources that are the cluster's own pods: prefixes with commas; 'none' detects nothing.",
            valueName: "prefixes"))
    var clusterCidr: String?
    @Option(
        help: ArgumentHelp("The bridge behind which all local pods are (BridgeInterface).", valueName: "device"))
    var podBridge: String?
    @Option(
        help: ArgumentHelp(
            "What the names of local pods' devices begin with (InterfaceNamePrefix).", valueName: "prefix"))
    var podInterfacePrefix: String?
    @Option(help: ArgumentHelp("The bit of the mark that asks for masquerade, 0 to 31.", valueName: "bit"))
    var masqueradeBit: UInt8?
    @Flag(inversion: .prefixedNo, help: "Whether everything sent to a ClusterIP is masqueraded.")
    var masqueradeAll: Bool?
    @Option(
        help: ArgumentHelp("Networks whose node addresses take NodePorts, with commas.", valueName: "prefixes"))
    var nodePortAddresses: String?
    @Flag(inversion: .prefixedNo, help: "Whether 127.0.0.1 takes NodePorts.")
    var localhostNodePorts: Bool?

    func overrides() throws(CommandFailure) -> ParameterOverrides {
        var result = ParameterOverrides()
        if let proxyMode {
            guard let mode = ProxyMode(rawValue: proxyMode.lowercased()) else {
                throw CommandFailure("--proxy-mode '\(proxyMode)' is not iptables, nftables or ipvs")
            }
            result.mode = mode
        }
        if let proxyVersion {
            let words = proxyVersion.drop { $0 == "v" }.split(separator: ".")
            guard words.count >= 2, words[0] == "1", let minor = Int(words[1]) else {
                throw CommandFailure("--proxy-version '\(proxyVersion)' is no version such as 1.30")
            }
            result.version = ProxyVersion(minor: minor)
        }
        guard [clusterCidr, podBridge, podInterfacePrefix].compactMap(\.self).count < 2 else {
            throw CommandFailure("--cluster-cidr, --pod-bridge and --pod-interface-prefix exclude each other")
        }
        if let podBridge { result.localDetection = .bridge(podBridge) }
        if let podInterfacePrefix { result.localDetection = .interfacePrefix(podInterfacePrefix) }
        result.localhostNodePorts = localhostNodePorts
        if let clusterCidr {
            result.localDetection =
                clusterCidr == "none"
                ? LocalTrafficDetection.none : .sources(try prefixes(clusterCidr, "--cluster-cidr"))
        }
        if let masqueradeBit {
            guard masqueradeBit < 32 else { throw CommandFailure("--masquerade-bit \(masqueradeBit) is above 31") }
            result.masqueradeBit = masqueradeBit
        }
        result.masqueradeAll = masqueradeAll
        if let nodePortAddresses { result.nodePortAddresses = try prefixes(nodePortAddresses, "--node-port-addresses") }
        return result
    }

    private func prefixes(_ text: String, _ option: String) throws(CommandFailure) -> [IPPrefix] {
        var result: [IPPrefix] = []
        for word in text.split(separator: ",") {
            guard let prefix = IPPrefix(String(word)) else {
                throw CommandFailure("\(option): '\(word)' is no prefix such as 10.244.0.0/16")
            }
            result.append(prefix)
        }
        return result
    }
}
