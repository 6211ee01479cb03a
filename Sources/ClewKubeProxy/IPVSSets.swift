package import ClewNet

/// A set that kube-proxy keeps in IPVS mode (`pkg/proxy/ipvs/ipset.go`).
package enum IPVSSet: String, Sendable, Hashable, CaseIterable {
    case loopBack = "KUBE-LOOP-BACK"
    case clusterIP = "KUBE-CLUSTER-IP"
    case externalIP = "KUBE-EXTERNAL-IP"
    case externalIPLocal = "KUBE-EXTERNAL-IP-LOCAL"
    case loadBalancer = "KUBE-LOAD-BALANCER"
    case loadBalancerFirewall = "KUBE-LOAD-BALANCER-FW"
    case loadBalancerLocal = "KUBE-LOAD-BALANCER-LOCAL"
    case loadBalancerSourceIP = "KUBE-LOAD-BALANCER-SOURCE-IP"
    case loadBalancerSourceCIDR = "KUBE-LOAD-BALANCER-SOURCE-CIDR"
    case nodePortTCP = "KUBE-NODE-PORT-TCP"
    case nodePortLocalTCP = "KUBE-NODE-PORT-LOCAL-TCP"
    case nodePortUDP = "KUBE-NODE-PORT-UDP"
    case nodePortLocalUDP = "KUBE-NODE-PORT-LOCAL-UDP"
    case nodePortSCTP = "KUBE-NODE-PORT-SCTP-HASH"
    case nodePortLocalSCTP = "KUBE-NODE-PORT-LOCAL-SCTP-HASH"
    case healthCheckNodePort = "KUBE-HEALTH-CHECK-NODE-PORT"
    case addresses = "KUBE-IPVS-IPS"

    /// The set's name in the kernel; those of IPv6 begin with `KUBE-6-` and are cut at 31 characters.
    package func name(_ family: AddressFamily) -> String {
        guard family == .ipv6, !isBitmap else { return rawValue }
        return String("KUBE-6-\(rawValue.dropFirst("KUBE-".count))".prefix(31))
    }

    var isBitmap: Bool { type == "bitmap:port" }

    /// The type as `ipset create` takes it.
    package var type: String {
        switch self {
        case .loopBack, .loadBalancerSourceIP: "hash:ip,port,ip"
        case .loadBalancerSourceCIDR: "hash:ip,port,net"
        case .nodePortTCP, .nodePortLocalTCP, .nodePortUDP, .nodePortLocalUDP, .healthCheckNodePort: "bitmap:port"
        case .addresses: "hash:ip"
        default: "hash:ip,port"
        }
    }

    /// What kube-proxy writes beside the rules that ask the set.
    var comment: String {
        switch self {
        case .loopBack: "Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose"
        case .clusterIP: "Kubernetes service cluster ip + port for masquerade purpose"
        case .externalIP: "Kubernetes service external ip + port for masquerade and filter purpose"
        case .externalIPLocal: "Kubernetes service external ip + port with externalTrafficPolicy=local"
        case .loadBalancer: "Kubernetes service lb portal"
        case .loadBalancerFirewall: "Kubernetes service load balancer ip + port for load balancer with sourceRange"
        case .loadBalancerLocal: "Kubernetes service load balancer ip + port with externalTrafficPolicy=local"
        case .loadBalancerSourceIP:
            "Kubernetes service load balancer ip + port + source IP for packet filter purpose"
        case .loadBalancerSourceCIDR:
            "Kubernetes service load balancer ip + port + source cidr for packet filter purpose"
        case .nodePortTCP: "Kubernetes nodeport TCP port for masquerade purpose"
        case .nodePortLocalTCP: "Kubernetes nodeport TCP port with externalTrafficPolicy=local"
        case .nodePortUDP: "Kubernetes nodeport UDP port for masquerade purpose"
        case .nodePortLocalUDP: "Kubernetes nodeport UDP port with externalTrafficPolicy=local"
        case .nodePortSCTP: "Kubernetes nodeport SCTP port for masquerade purpose with type 'hash ip:port'"
        case .nodePortLocalSCTP:
            "Kubernetes nodeport SCTP port with externalTrafficPolicy=local with type 'hash ip:port'"
        case .healthCheckNodePort: "Kubernetes health check node port"
        case .addresses: "Kubernetes IPVS service address"
        }
    }

    /// The sets of NodePorts of a protocol, of all and of those with traffic policy Local.
    static func nodePorts(_ ipProtocol: IPProtocol) -> (all: IPVSSet, local: IPVSSet)? {
        switch ipProtocol {
        case .tcp: (.nodePortTCP, .nodePortLocalTCP)
        case .udp: (.nodePortUDP, .nodePortLocalUDP)
        case .sctp: (.nodePortSCTP, .nodePortLocalSCTP)
        default: nil
        }
    }
}
