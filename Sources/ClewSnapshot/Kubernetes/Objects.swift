package import ClewBundle
package import ClewNet

/// A namespace and a name: `shop/api`.
///
/// Cluster-scoped objects have an empty namespace.
package struct NamespacedName: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var namespace: String
    package var name: String

    package init(_ namespace: String, _ name: String) {
        self.namespace = namespace
        self.name = name
    }

    package var description: String { namespace.isEmpty ? name : "\(namespace)/\(name)" }

    package static func < (a: Self, b: Self) -> Bool {
        a.namespace == b.namespace ? a.name < b.name : a.namespace < b.namespace
    }
}

/// A port's number or the name of a container's port (`intstr.IntOrString`).
package enum TargetPort: Sendable, Hashable {
    case number(UInt16)
    case name(String)
}

/// v1 Service (`k8s.io/api/core/v1`).
package struct Service: Sendable {
    package var name: NamespacedName
    package var type: String = "ClusterIP"
    /// Addresses only; empty for headless (`None`) and ExternalName.
    package var clusterIPs: [IPAddress] = []
    package var isHeadless = false
    package var externalName: String?
    package var externalIPs: [IPAddress] = []
    package var loadBalancerIngress: [LoadBalancerIngress] = []
    package var loadBalancerSourceRanges: [String] = []
    package var ports: [ServicePort] = []
    package var selector: [String: String] = [:]
    package var labels: [String: String] = [:]
    package var annotations: [String: String] = [:]
    package var sessionAffinity: String = "None"
    package var sessionAffinityTimeout: UInt32?
    package var externalTrafficPolicy: String?
    package var internalTrafficPolicy: String?
    package var trafficDistribution: String?
    package var healthCheckNodePort: UInt16?
    package var publishNotReadyAddresses = false
    package var ipFamilies: [AddressFamily] = []
    package var creationTimestamp: String?
    /// `metadata.resourceVersion`; `nil` where it is absent or no number.
    package var resourceVersion: UInt64?
    package var source: SourceLine

    package init(name: NamespacedName, source: SourceLine) {
        self.name = name
        self.source = source
    }
}

package struct LoadBalancerIngress: Sendable, Hashable {
    package var address: IPAddress?
    package var hostname: String?
    /// `VIP` or `Proxy`; absent is VIP.
    package var ipMode: String?
    package init(address: IPAddress? = nil, hostname: String? = nil, ipMode: String? = nil) {
        self.address = address
        self.hostname = hostname
        self.ipMode = ipMode
    }
}

package struct ServicePort: Sendable, Hashable {
    /// Empty when unnamed.
    package var name: String
    package var ipProtocol: IPProtocol
    package var port: UInt16
    package var targetPort: TargetPort?
    package var nodePort: UInt16?
    package var appProtocol: String?
    package init(name: String = "", ipProtocol: IPProtocol = .tcp, port: UInt16) {
        self.name = name
        self.ipProtocol = ipProtocol
        self.port = port
    }
}

/// discovery.k8s.io/v1 EndpointSlice.
package struct EndpointSlice: Sendable {
    package var name: NamespacedName
    /// Of the label `kubernetes.io/service-name`.
    package var serviceName: String?
    /// `IPv4`, `IPv6`, `FQDN`.
    package var addressType: String
    package var ports: [EndpointPort] = []
    package var endpoints: [Endpoint] = []
    package var labels: [String: String] = [:]
    /// When it was made or last changed (RFC 3339): the annotation `endpoints.kubernetes.io/last-change-trigger-time`.
    package var lastChange: String?
    /// `metadata.resourceVersion`; `nil` where it is absent or no number.
    package var resourceVersion: UInt64?
    package var source: SourceLine
    package init(name: NamespacedName, addressType: String = "IPv4", source: SourceLine) {
        self.name = name
        self.addressType = addressType
        self.source = source
    }
}

package struct EndpointPort: Sendable, Hashable {
    package var name: String
    package var ipProtocol: IPProtocol
    /// `nil`: every port.
    package var port: UInt16?
    package init(name: String = "", ipProtocol: IPProtocol = .tcp, port: UInt16? = nil) {
        self.name = name
        self.ipProtocol = ipProtocol
        self.port = port
    }
}

/// `EndpointConditions`: an absent `ready` is true, an absent `serving` follows `ready`.
package struct EndpointConditions: Sendable, Hashable {
    package var ready: Bool?
    package var serving: Bool?
    package var terminating: Bool?
    package init() {}
}

package struct Endpoint: Sendable {
    package var addresses: [IPAddress] = []
    package var conditions = EndpointConditions()
    package var nodeName: String?
    package var zone: String?
    package var hintZones: [String] = []
    package var hintNodes: [String] = []
    package var hostname: String?
    /// `targetRef` of kind Pod.
    package var pod: NamespacedName?
    package init() {}
}

/// v1 Endpoints: the older form of the same.
package struct Endpoints: Sendable {
    package var name: NamespacedName
    package var subsets: [EndpointSubset] = []
    /// `metadata.resourceVersion`; `nil` where it is absent or no number.
    package var resourceVersion: UInt64?
    package var source: SourceLine
    package init(name: NamespacedName, source: SourceLine) {
        self.name = name
        self.source = source
    }
}

package struct EndpointSubset: Sendable {
    package var ready: [Endpoint] = []
    package var notReady: [Endpoint] = []
    package var ports: [EndpointPort] = []
    package init() {}
}

/// v1 Pod.
package struct Pod: Sendable {
    package var name: NamespacedName
    package var nodeName: String?
    package var addresses: [IPAddress] = []
    package var hostAddresses: [IPAddress] = []
    package var usesHostNetwork = false
    package var phase: String?
    package var isReady: Bool?
    /// Since when it has not been ready (RFC 3339); `nil` where it is, or does not say.
    package var unreadySince: String?
    package var labels: [String: String] = [:]
    package var containerPorts: [ContainerPort] = []
    package var deletionTimestamp: String?
    package var creationTimestamp: String?
    /// `metadata.resourceVersion`; `nil` where it is absent or no number.
    package var resourceVersion: UInt64?
    package var source: SourceLine
    package init(name: NamespacedName, source: SourceLine) {
        self.name = name
        self.source = source
    }

    /// Whether the pod's processes have ended, so that its address may belong to another.
    package var hasEnded: Bool { phase == "Succeeded" || phase == "Failed" }
}

package struct ContainerPort: Sendable, Hashable {
    package var name: String?
    package var ipProtocol: IPProtocol
    package var containerPort: UInt16
    package var hostPort: UInt16?
    package var hostIP: IPAddress?
    package init(name: String? = nil, ipProtocol: IPProtocol = .tcp, containerPort: UInt16) {
        self.name = name
        self.ipProtocol = ipProtocol
        self.containerPort = containerPort
    }
}

/// v1 Node.
package struct Node: Sendable {
    package var name: String
    package var internalIPs: [IPAddress] = []
    package var externalIPs: [IPAddress] = []
    package var podCIDRs: [IPPrefix] = []
    /// `aws:///eu-west-1a/i-0123`: the machine at its provider.
    package var providerID: String?
    package var labels: [String: String] = [:]
    package var annotations: [String: String] = [:]
    package var isReady: Bool?
    package var kubeletVersion: String?
    package var kubeProxyVersion: String?
    /// `metadata.resourceVersion`; `nil` where it is absent or no number.
    package var resourceVersion: UInt64?
    package var source: SourceLine
    package init(name: String, source: SourceLine) {
        self.name = name
        self.source = source
    }
}

package struct Namespace: Sendable {
    package var name: String
    package var labels: [String: String] = [:]
    /// `metadata.resourceVersion`; `nil` where it is absent or no number.
    package var resourceVersion: UInt64?
    package var source: SourceLine
    package init(name: String, source: SourceLine) {
        self.name = name
        self.source = source
    }
}

package struct ConfigMap: Sendable {
    package var name: NamespacedName
    package var data: [String: String] = [:]
    /// `metadata.resourceVersion`; `nil` where it is absent or no number.
    package var resourceVersion: UInt64?
    package var source: SourceLine
    package init(name: NamespacedName, source: SourceLine) {
        self.name = name
        self.source = source
    }
}
