import ClewNet
import ClewSnapshot

extension ObjectReader {
    /// Reads a discovery.k8s.io EndpointSlice, v1 or v1beta1.
    mutating func endpointSlice() throws(JSONError) {
        var slice = EndpointSlice(name: NamespacedName("", ""), source: source())
        let mark = reader.mark
        var noAddresses: [Int] = []
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if reader.isEqual(key, "endpoints") {
                try endpoints(of: &slice, noAddresses: &noAddresses)
            } else if reader.isEqual(key, "metadata") {
                let metadata = try metadata(annotations: true)
                slice.name = metadata.namespacedName
                slice.lastChange =
                    metadata.annotations["endpoints.kubernetes.io/last-change-trigger-time"]
                    ?? metadata.creationTimestamp
                slice.labels = metadata.labels
                slice.serviceName = metadata.labels["kubernetes.io/service-name"]
                slice.resourceVersion = metadata.resourceVersion
            } else if reader.isEqual(key, "ports") {
                slice.ports = try endpointPorts("ports")
            } else if reader.isEqual(key, "addressType") {
                slice.addressType = try string("addressType") ?? slice.addressType
            } else if reader.isEqual(key, "kind") {
                // The kind was guessed from `addressType`, see `type(within:)`.
                if let kind = try string("kind"), kind != "EndpointSlice" {
                    reader.rewind(to: mark)
                    problems.removeAll(keepingCapacity: true)
                    return try other(kind)
                }
            } else {
                try reader.skipValue()
            }
        }
        if slice.addressType != "FQDN" {
            for offset in noAddresses { problem("endpoints[].addresses[]", "not an IP address", at: offset) }
        }
        // v1beta1 had this address type before IPv4 and IPv6 were told apart.
        if slice.addressType == "IP" { slice.addressType = "IPv4" }
        try finish("EndpointSlice", slice.name)
        found.endpointSlices.append(slice)
    }

    private mutating func endpoints(of slice: inout EndpointSlice, noAddresses: inout [Int]) throws(JSONError) {
        guard try beginArray("endpoints") else { return }
        while try reader.nextElement() {
            guard try beginObject("endpoints[]") else { continue }
            var endpoint = Endpoint()
            while let key = try reader.nextKey() {
                if reader.isEqual(key, "addresses") {
                    try addresses(of: &endpoint, noAddresses: &noAddresses)
                } else if reader.isEqual(key, "conditions") {
                    endpoint.conditions = try conditions()
                } else if reader.isEqual(key, "nodeName") {
                    endpoint.nodeName = try repeatedString("endpoints[].nodeName")
                } else if reader.isEqual(key, "targetRef") {
                    endpoint.pod = try podReference("endpoints[].targetRef")
                } else if reader.isEqual(key, "zone") {
                    endpoint.zone = try string("endpoints[].zone")
                } else if reader.isEqual(key, "hints") {
                    try hints(of: &endpoint)
                } else if reader.isEqual(key, "hostname") {
                    endpoint.hostname = try string("endpoints[].hostname")
                } else if reader.isEqual(key, "topology") {
                    try topology(of: &endpoint)
                } else {
                    try reader.skipValue()
                }
            }
            slice.endpoints.append(endpoint)
        }
    }

    /// Addresses that are none are noted later, as the slice may turn out to hold host names.
    private mutating func addresses(of endpoint: inout Endpoint, noAddresses: inout [Int]) throws(JSONError) {
        guard try beginArray("endpoints[].addresses") else { return }
        while try reader.nextElement() {
            let known = problems.count
            let offset = reader.offset
            if let address = try address("endpoints[].addresses[]") {
                endpoint.addresses.append(address)
            } else if problems.count > known {
                problems.removeLast(problems.count - known)
                noAddresses.append(offset)
            }
        }
    }

    private mutating func conditions() throws(JSONError) -> EndpointConditions {
        var conditions = EndpointConditions()
        guard try beginObject("endpoints[].conditions") else { return conditions }
        while let key = try reader.nextKey() {
            if reader.isEqual(key, "ready") {
                conditions.ready = try flag("endpoints[].conditions.ready")
            } else if reader.isEqual(key, "serving") {
                conditions.serving = try flag("endpoints[].conditions.serving")
            } else if reader.isEqual(key, "terminating") {
                conditions.terminating = try flag("endpoints[].conditions.terminating")
            } else {
                try reader.skipValue()
            }
        }
        return conditions
    }

    /// A reference to a Pod; `nil` for another kind.
    private mutating func podReference(_ path: StaticString) throws(JSONError) -> NamespacedName? {
        var name = NamespacedName("", "")
        var isPod = false
        guard try beginObject(path) else { return nil }
        while let key = try reader.nextKey() {
            if reader.isEqual(key, "kind"), reader.peek() == .string {
                isPod = reader.isEqual(try reader.text(), "Pod")
            } else if reader.isEqual(key, "name") {
                name.name = try string(path) ?? ""
            } else if reader.isEqual(key, "namespace") {
                name.namespace = try string(path) ?? ""
            } else {
                try reader.skipValue()
            }
        }
        return isPod ? name : nil
    }

    private mutating func hints(of endpoint: inout Endpoint) throws(JSONError) {
        guard try beginObject("endpoints[].hints") else { return }
        while let key = try reader.nextKey() {
            if reader.isEqual(key, "forZones") {
                endpoint.hintZones = try names("endpoints[].hints.forZones")
            } else if reader.isEqual(key, "forNodes") {
                endpoint.hintNodes = try names("endpoints[].hints.forNodes")
            } else {
                try reader.skipValue()
            }
        }
    }

    /// The `name` of each element.
    private mutating func names(_ path: StaticString) throws(JSONError) -> [String] {
        var names: [String] = []
        guard try beginArray(path) else { return [] }
        while try reader.nextElement() {
            guard try beginObject(path) else { continue }
            while let key = try reader.nextKey() {
                if reader.isEqual(key, "name") {
                    if let name = try string(path) { names.append(name) }
                } else {
                    try reader.skipValue()
                }
            }
        }
        return names
    }

    /// v1beta1 kept the node and the zone in this map.
    private mutating func topology(of endpoint: inout Endpoint) throws(JSONError) {
        let topology = try dictionary("endpoints[].topology")
        if endpoint.nodeName == nil { endpoint.nodeName = topology["kubernetes.io/hostname"] }
        if endpoint.zone == nil { endpoint.zone = topology["topology.kubernetes.io/zone"] }
    }

    /// Ports of a slice or a subset; an absent port number is every port.
    private mutating func endpointPorts(_ path: StaticString) throws(JSONError) -> [EndpointPort] {
        var ports: [EndpointPort] = []
        guard try beginArray(path) else { return [] }
        while try reader.nextElement() {
            guard try beginObject(path) else { continue }
            var port = EndpointPort()
            var isValid = true
            while let key = try reader.nextKey() {
                if reader.isEqual(key, "port") {
                    let known = problems.count
                    port.port = try self.port(path)
                    // Left out: without its number it would stand for every port.
                    if problems.count > known { isValid = false }
                } else if reader.isEqual(key, "name") {
                    port.name = try string(path) ?? ""
                } else if reader.isEqual(key, "protocol") {
                    if let value = try ipProtocol(path) {
                        port.ipProtocol = value
                    } else {
                        isValid = false
                    }
                } else {
                    try reader.skipValue()
                }
            }
            if isValid { ports.append(port) }
        }
        return ports
    }

    // MARK: v1 Endpoints

    mutating func endpoints() throws(JSONError) {
        var endpoints = Endpoints(name: NamespacedName("", ""), source: source())
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if reader.isEqual(key, "metadata") {
                let metadata = try metadata()
                endpoints.name = metadata.namespacedName
                endpoints.resourceVersion = metadata.resourceVersion
            } else if reader.isEqual(key, "subsets") {
                guard try beginArray("subsets") else { continue }
                while try reader.nextElement() {
                    if let subset = try subset() { endpoints.subsets.append(subset) }
                }
            } else {
                try reader.skipValue()
            }
        }
        try finish("Endpoints", endpoints.name)
        found.endpoints.append(endpoints)
    }

    private mutating func subset() throws(JSONError) -> EndpointSubset? {
        var subset = EndpointSubset()
        guard try beginObject("subsets[]") else { return nil }
        while let key = try reader.nextKey() {
            if reader.isEqual(key, "addresses") {
                subset.ready = try subsetAddresses("subsets[].addresses")
            } else if reader.isEqual(key, "notReadyAddresses") {
                subset.notReady = try subsetAddresses("subsets[].notReadyAddresses")
            } else if reader.isEqual(key, "ports") {
                subset.ports = try endpointPorts("subsets[].ports")
            } else {
                try reader.skipValue()
            }
        }
        return subset
    }

    private mutating func subsetAddresses(_ path: StaticString) throws(JSONError) -> [Endpoint] {
        var endpoints: [Endpoint] = []
        guard try beginArray(path) else { return [] }
        while try reader.nextElement() {
            guard try beginObject(path) else { continue }
            var endpoint = Endpoint()
            while let key = try reader.nextKey() {
                if reader.isEqual(key, "ip") {
                    endpoint.addresses = try address(path).map { [$0] } ?? []
                } else if reader.isEqual(key, "nodeName") {
                    endpoint.nodeName = try repeatedString(path)
                } else if reader.isEqual(key, "hostname") {
                    endpoint.hostname = try string(path)
                } else if reader.isEqual(key, "targetRef") {
                    endpoint.pod = try podReference(path)
                } else {
                    try reader.skipValue()
                }
            }
            endpoints.append(endpoint)
        }
        return endpoints
    }
}
