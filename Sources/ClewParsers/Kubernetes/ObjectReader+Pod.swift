import ClewNet
import ClewSnapshot

extension ObjectReader {
    mutating func pod() throws(JSONError) {
        var pod = Pod(name: NamespacedName("", ""), source: source())
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if reader.isEqual(key, "metadata") {
                let metadata = try metadata()
                pod.name = metadata.namespacedName
                pod.labels = metadata.labels
                pod.creationTimestamp = metadata.creationTimestamp
                pod.deletionTimestamp = metadata.deletionTimestamp
                pod.resourceVersion = metadata.resourceVersion
            } else if reader.isEqual(key, "spec") {
                try spec(of: &pod)
            } else if reader.isEqual(key, "status") {
                try status(of: &pod)
            } else {
                try reader.skipValue()
            }
        }
        try finish("Pod", pod.name)
        found.pods.append(pod)
    }

    private mutating func spec(of pod: inout Pod) throws(JSONError) {
        guard try beginObject("spec") else { return }
        var sidecars: [ContainerPort] = []
        while let key = try reader.nextKey() {
            if reader.isEqual(key, "nodeName") {
                pod.nodeName = try repeatedString("spec.nodeName")
            } else if reader.isEqual(key, "hostNetwork") {
                pod.usesHostNetwork = try flag("spec.hostNetwork") ?? false
            } else if reader.isEqual(key, "containers") {
                pod.containerPorts = try containers("spec.containers", isInit: false)
            } else if reader.isEqual(key, "initContainers") {
                sidecars = try containers("spec.initContainers", isInit: true)
            } else {
                try reader.skipValue()
            }
        }
        pod.containerPorts += sidecars
    }

    /// The ports of containers that run along: of init containers only those with `restartPolicy: Always`, which is
    /// where a Service looks for a port's name too (`k8s.io/kubernetes/pkg/api/v1/pod`, `FindPort`).
    private mutating func containers(_ path: StaticString, isInit: Bool) throws(JSONError) -> [ContainerPort] {
        var ports: [ContainerPort] = []
        guard try beginArray(path) else { return [] }
        while try reader.nextElement() {
            guard try beginObject(path) else { continue }
            var own: [ContainerPort] = []
            var runsAlong = !isInit
            while let key = try reader.nextKey() {
                if reader.isEqual(key, "ports") {
                    own = try containerPorts()
                } else if isInit, reader.isEqual(key, "restartPolicy") {
                    runsAlong = try string(path) == "Always"
                } else {
                    try reader.skipValue()
                }
            }
            if runsAlong { ports += own }
        }
        return ports
    }

    private mutating func containerPorts() throws(JSONError) -> [ContainerPort] {
        var ports: [ContainerPort] = []
        guard try beginArray("spec.containers[].ports") else { return [] }
        while try reader.nextElement() {
            guard try beginObject("spec.containers[].ports[]") else { continue }
            var port = ContainerPort(containerPort: 0)
            var isValid = true
            while let key = try reader.nextKey() {
                if reader.isEqual(key, "containerPort") {
                    port.containerPort = try self.port("spec.containers[].ports[].containerPort") ?? 0
                } else if reader.isEqual(key, "name") {
                    port.name = try string("spec.containers[].ports[].name")
                } else if reader.isEqual(key, "protocol") {
                    if let value = try ipProtocol("spec.containers[].ports[].protocol") {
                        port.ipProtocol = value
                    } else {
                        isValid = false
                    }
                } else if reader.isEqual(key, "hostPort") {
                    let number = try self.port("spec.containers[].ports[].hostPort")
                    port.hostPort = number == 0 ? nil : number
                } else if reader.isEqual(key, "hostIP") {
                    port.hostIP = try address("spec.containers[].ports[].hostIP")
                } else {
                    try reader.skipValue()
                }
            }
            if isValid, port.containerPort > 0 { ports.append(port) }
        }
        return ports
    }

    private mutating func status(of pod: inout Pod) throws(JSONError) {
        var podIP: IPAddress?
        var hostIP: IPAddress?
        guard try beginObject("status") else { return }
        while let key = try reader.nextKey() {
            if reader.isEqual(key, "podIP") {
                podIP = try address("status.podIP")
            } else if reader.isEqual(key, "podIPs") {
                pod.addresses = try ipMembers("status.podIPs")
            } else if reader.isEqual(key, "hostIP") {
                hostIP = try address("status.hostIP")
            } else if reader.isEqual(key, "hostIPs") {
                pod.hostAddresses = try ipMembers("status.hostIPs")
            } else if reader.isEqual(key, "phase") {
                pod.phase = try string("status.phase")
            } else if reader.isEqual(key, "conditions") {
                (pod.isReady, pod.unreadySince) = try readyCondition()
            } else {
                try reader.skipValue()
            }
        }
        if let podIP, !pod.addresses.contains(podIP) { pod.addresses.insert(podIP, at: 0) }
        if let hostIP, !pod.hostAddresses.contains(hostIP) { pod.hostAddresses.insert(hostIP, at: 0) }
    }

    /// `[{"ip": …}, …]`.
    private mutating func ipMembers(_ path: StaticString) throws(JSONError) -> [IPAddress] {
        var addresses: [IPAddress] = []
        guard try beginArray(path) else { return [] }
        while try reader.nextElement() {
            guard try beginObject(path) else { continue }
            while let key = try reader.nextKey() {
                if reader.isEqual(key, "ip") {
                    if let address = try address(path) { addresses.append(address) }
                } else {
                    try reader.skipValue()
                }
            }
        }
        return addresses
    }

    /// Whether the condition `Ready` is true, and since when it is not; `nil` without the condition.
    mutating func readyCondition() throws(JSONError) -> (isReady: Bool?, since: String?) {
        var result: (isReady: Bool?, since: String?)
        guard try beginArray("status.conditions") else { return result }
        while try reader.nextElement() {
            guard try beginObject("status.conditions[]") else { continue }
            var isTrue: Bool?
            var since: JSONText?
            var isAboutReady = false
            while let key = try reader.nextKey() {
                if reader.isEqual(key, "type"), reader.peek() == .string {
                    isAboutReady = reader.isEqual(try reader.text(), "Ready")
                } else if reader.isEqual(key, "status"), reader.peek() == .string {
                    isTrue = reader.isEqual(try reader.text(), "True")
                } else if reader.isEqual(key, "lastTransitionTime"), reader.peek() == .string {
                    since = try reader.text()
                } else {
                    try reader.skipValue()
                }
            }
            guard isAboutReady else { continue }
            result.isReady = isTrue
            if isTrue == false, let since { result.since = try reader.string(of: since) }
        }
        return result
    }
}
