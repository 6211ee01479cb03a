import ClewNet
import ClewSnapshot

/// Node, Namespace and ConfigMap.
extension ObjectReader {
    mutating func node() throws(JSONError) {
        var node = Node(name: "", source: source())
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if reader.isEqual(key, "metadata") {
                let metadata = try metadata(annotations: true)
                node.name = metadata.name
                node.labels = metadata.labels
                node.annotations = metadata.annotations
                node.resourceVersion = metadata.resourceVersion
            } else if reader.isEqual(key, "spec") {
                try spec(of: &node)
            } else if reader.isEqual(key, "status") {
                try status(of: &node)
            } else {
                try reader.skipValue()
            }
        }
        try finish("Node", NamespacedName("", node.name))
        found.nodes.append(node)
    }

    /// Reads the provider's name, and `podCIDRs`, or `podCIDR` alone.
    private mutating func spec(of node: inout Node) throws(JSONError) {
        var first: IPPrefix?
        var all: [IPPrefix] = []
        guard try beginObject("spec") else { return }
        while let key = try reader.nextKey() {
            if reader.isEqual(key, "podCIDR") {
                first = try prefix("spec.podCIDR")
            } else if reader.isEqual(key, "podCIDRs") {
                guard try beginArray("spec.podCIDRs") else { continue }
                while try reader.nextElement() {
                    if let prefix = try prefix("spec.podCIDRs[]") { all.append(prefix) }
                }
            } else if reader.isEqual(key, "providerID") {
                node.providerID = try string("spec.providerID")
            } else {
                try reader.skipValue()
            }
        }
        if let first, !all.contains(first) { all.insert(first, at: 0) }
        node.podCIDRs = all
    }

    private mutating func status(of node: inout Node) throws(JSONError) {
        guard try beginObject("status") else { return }
        while let key = try reader.nextKey() {
            if reader.isEqual(key, "addresses") {
                try addresses(of: &node)
            } else if reader.isEqual(key, "conditions") {
                node.isReady = try readyCondition().isReady
            } else if reader.isEqual(key, "nodeInfo") {
                guard try beginObject("status.nodeInfo") else { continue }
                while let key = try reader.nextKey() {
                    if reader.isEqual(key, "kubeletVersion") {
                        node.kubeletVersion = try string("status.nodeInfo.kubeletVersion")
                    } else if reader.isEqual(key, "kubeProxyVersion") {
                        node.kubeProxyVersion = try string("status.nodeInfo.kubeProxyVersion")
                    } else {
                        try reader.skipValue()
                    }
                }
            } else {
                try reader.skipValue()
            }
        }
    }

    private mutating func addresses(of node: inout Node) throws(JSONError) {
        guard try beginArray("status.addresses") else { return }
        while try reader.nextElement() {
            guard try beginObject("status.addresses[]") else { continue }
            var value: String?
            var type: String?
            var offset = 0
            while let key = try reader.nextKey() {
                if reader.isEqual(key, "address") {
                    offset = reader.offset
                    value = try string("status.addresses[].address")
                } else if reader.isEqual(key, "type") {
                    type = try string("status.addresses[].type")
                } else {
                    try reader.skipValue()
                }
            }
            // The other types are host names.
            guard let value, type == "InternalIP" || type == "ExternalIP" else { continue }
            guard let address = IPAddress(value) else {
                problem("status.addresses[].address", "not an IP address", at: offset)
                continue
            }
            if type == "InternalIP" {
                node.internalIPs.append(address)
            } else {
                node.externalIPs.append(address)
            }
        }
    }

    mutating func namespace() throws(JSONError) {
        var namespace = Namespace(name: "", source: source())
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if reader.isEqual(key, "metadata") {
                let metadata = try metadata()
                namespace.name = metadata.name
                namespace.labels = metadata.labels
                namespace.resourceVersion = metadata.resourceVersion
            } else {
                try reader.skipValue()
            }
        }
        try finish("Namespace", NamespacedName("", namespace.name))
        found.namespaces.append(namespace)
    }

    mutating func configMap() throws(JSONError) {
        var configMap = ConfigMap(name: NamespacedName("", ""), source: source())
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if reader.isEqual(key, "metadata") {
                let metadata = try metadata()
                configMap.name = metadata.namespacedName
                configMap.resourceVersion = metadata.resourceVersion
            } else if reader.isEqual(key, "data") {
                configMap.data = try dictionary("data")
            } else {
                try reader.skipValue()
            }
        }
        try finish("ConfigMap", configMap.name)
        found.configMaps.append(configMap)
    }
}
