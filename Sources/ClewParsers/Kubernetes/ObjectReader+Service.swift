import ClewNet
import ClewSnapshot

extension ObjectReader {
    mutating func service() throws(JSONError) {
        var service = Service(name: NamespacedName("", ""), source: source())
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if reader.isEqual(key, "metadata") {
                let metadata = try metadata(annotations: true)
                service.name = metadata.namespacedName
                service.labels = metadata.labels
                service.annotations = metadata.annotations
                service.creationTimestamp = metadata.creationTimestamp
                service.resourceVersion = metadata.resourceVersion
            } else if reader.isEqual(key, "spec") {
                try spec(of: &service)
            } else if reader.isEqual(key, "status") {
                try status(of: &service)
            } else {
                try reader.skipValue()
            }
        }
        try finish("Service", service.name)
        found.services.append(service)
    }

    private mutating func spec(of service: inout Service) throws(JSONError) {
        var clusterIP = ClusterIP.absent
        guard try beginObject("spec") else { return }
        while let key = try reader.nextKey() {
            if reader.isEqual(key, "ports") {
                try ports(of: &service)
            } else if reader.isEqual(key, "selector") {
                service.selector = try dictionary("spec.selector")
            } else if reader.isEqual(key, "clusterIP") {
                clusterIP = try self.clusterIP("spec.clusterIP")
            } else if reader.isEqual(key, "clusterIPs") {
                try clusterIPs(of: &service)
            } else if reader.isEqual(key, "type") {
                service.type = try string("spec.type") ?? service.type
            } else if reader.isEqual(key, "sessionAffinity") {
                service.sessionAffinity = try string("spec.sessionAffinity") ?? service.sessionAffinity
            } else if reader.isEqual(key, "ipFamilies") {
                try families(of: &service)
            } else if reader.isEqual(key, "internalTrafficPolicy") {
                service.internalTrafficPolicy = try string("spec.internalTrafficPolicy")
            } else if reader.isEqual(key, "externalTrafficPolicy") {
                service.externalTrafficPolicy = try string("spec.externalTrafficPolicy")
            } else {
                try rareField(key, of: &service)
            }
        }
        switch clusterIP {
        case .absent: break
        case .headless: service.isHeadless = true
        case .address(let address): if service.clusterIPs.isEmpty { service.clusterIPs = [address] }
        }
    }

    private mutating func rareField(_ key: JSONText, of service: inout Service) throws(JSONError) {
        if reader.isEqual(key, "externalName") {
            service.externalName = try string("spec.externalName")
        } else if reader.isEqual(key, "externalIPs") {
            service.externalIPs = try addresses("spec.externalIPs[]")
        } else if reader.isEqual(key, "loadBalancerSourceRanges") {
            service.loadBalancerSourceRanges = try strings("spec.loadBalancerSourceRanges[]")
        } else if reader.isEqual(key, "healthCheckNodePort") {
            let port = try port("spec.healthCheckNodePort")
            service.healthCheckNodePort = port == 0 ? nil : port
        } else if reader.isEqual(key, "publishNotReadyAddresses") {
            service.publishNotReadyAddresses = try flag("spec.publishNotReadyAddresses") ?? false
        } else if reader.isEqual(key, "trafficDistribution") {
            service.trafficDistribution = try string("spec.trafficDistribution")
        } else if reader.isEqual(key, "sessionAffinityConfig") {
            service.sessionAffinityTimeout = try affinityTimeout()
        } else {
            try reader.skipValue()
        }
    }

    private enum ClusterIP {
        case absent, headless
        case address(IPAddress)
    }

    /// An address, or `None` of a headless Service.
    private mutating func clusterIP(_ path: StaticString) throws(JSONError) -> ClusterIP {
        let mark = reader.mark
        if reader.peek() == .string {
            let text = try reader.text()
            if reader.isEqual(text, "None") { return .headless }
            reader.rewind(to: mark)
        }
        return try address(path).map(ClusterIP.address) ?? .absent
    }

    private mutating func clusterIPs(of service: inout Service) throws(JSONError) {
        guard try beginArray("spec.clusterIPs") else { return }
        while try reader.nextElement() {
            switch try clusterIP("spec.clusterIPs[]") {
            case .absent: break
            case .headless: service.isHeadless = true
            case .address(let address): service.clusterIPs.append(address)
            }
        }
    }

    private mutating func families(of service: inout Service) throws(JSONError) {
        guard try beginArray("spec.ipFamilies") else { return }
        while try reader.nextElement() {
            let offset = reader.offset
            switch try string("spec.ipFamilies[]") {
            case "IPv4": service.ipFamilies.append(.ipv4)
            case "IPv6": service.ipFamilies.append(.ipv6)
            case nil: break
            default: problem("spec.ipFamilies[]", "not an IP family", at: offset)
            }
        }
    }

    /// `clientIP.timeoutSeconds`.
    private mutating func affinityTimeout() throws(JSONError) -> UInt32? {
        var timeout: UInt32?
        guard try beginObject("spec.sessionAffinityConfig") else { return nil }
        while let key = try reader.nextKey() {
            guard reader.isEqual(key, "clientIP") else {
                try reader.skipValue()
                continue
            }
            guard try beginObject("spec.sessionAffinityConfig.clientIP") else { continue }
            while let key = try reader.nextKey() {
                if reader.isEqual(key, "timeoutSeconds") {
                    timeout = try number("spec.sessionAffinityConfig.clientIP.timeoutSeconds", upTo: 1 << 31)
                        .map { UInt32(truncatingIfNeeded: $0) }
                } else {
                    try reader.skipValue()
                }
            }
        }
        return timeout
    }

    private mutating func ports(of service: inout Service) throws(JSONError) {
        guard try beginArray("spec.ports") else { return }
        while try reader.nextElement() {
            guard try beginObject("spec.ports[]") else { continue }
            var port = ServicePort(port: 0)
            var isValid = true
            while let key = try reader.nextKey() {
                if reader.isEqual(key, "name") {
                    port.name = try string("spec.ports[].name") ?? ""
                } else if reader.isEqual(key, "port") {
                    port.port = try self.port("spec.ports[].port") ?? 0
                } else if reader.isEqual(key, "protocol") {
                    if let value = try ipProtocol("spec.ports[].protocol") {
                        port.ipProtocol = value
                    } else {
                        isValid = false
                    }
                } else if reader.isEqual(key, "targetPort") {
                    port.targetPort = try targetPort()
                } else if reader.isEqual(key, "nodePort") {
                    let number = try self.port("spec.ports[].nodePort")
                    port.nodePort = number == 0 ? nil : number
                } else if reader.isEqual(key, "appProtocol") {
                    port.appProtocol = try string("spec.ports[].appProtocol")
                } else {
                    try reader.skipValue()
                }
            }
            if port.port == 0 {
                problem("spec.ports[]", "left out, as it has no port", at: max(0, reader.offset - 1))
            } else if isValid {
                service.ports.append(port)
            }
        }
    }

    private mutating func targetPort() throws(JSONError) -> TargetPort? {
        if reader.peek() == .string {
            let name = try reader.string()
            return name.isEmpty ? nil : .name(name)
        }
        guard let number = try port("spec.ports[].targetPort"), number > 0 else { return nil }
        return .number(number)
    }

    /// `status.loadBalancer.ingress`.
    private mutating func status(of service: inout Service) throws(JSONError) {
        guard try beginObject("status") else { return }
        while let key = try reader.nextKey() {
            guard reader.isEqual(key, "loadBalancer") else {
                try reader.skipValue()
                continue
            }
            guard try beginObject("status.loadBalancer") else { continue }
            while let key = try reader.nextKey() {
                if reader.isEqual(key, "ingress") {
                    try ingress(of: &service)
                } else {
                    try reader.skipValue()
                }
            }
        }
    }

    private mutating func ingress(of service: inout Service) throws(JSONError) {
        guard try beginArray("status.loadBalancer.ingress") else { return }
        while try reader.nextElement() {
            guard try beginObject("status.loadBalancer.ingress[]") else { continue }
            var ingress = LoadBalancerIngress()
            while let key = try reader.nextKey() {
                if reader.isEqual(key, "ip") {
                    ingress.address = try address("status.loadBalancer.ingress[].ip")
                } else if reader.isEqual(key, "hostname") {
                    ingress.hostname = try string("status.loadBalancer.ingress[].hostname")
                } else if reader.isEqual(key, "ipMode") {
                    ingress.ipMode = try string("status.loadBalancer.ingress[].ipMode")
                } else {
                    try reader.skipValue()
                }
            }
            service.loadBalancerIngress.append(ingress)
        }
    }
}
