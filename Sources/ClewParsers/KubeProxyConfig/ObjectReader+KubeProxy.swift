import ClewBundle
import ClewNet
import ClewSnapshot

extension ObjectReader {
    /// The configurations among the documents of the text; ConfigMaps among them go to ``found``.
    mutating func kubeProxyConfigurations() -> [KubeProxyConfiguration] {
        var found: [KubeProxyConfiguration] = []
        while !reader.isAtEnd() {
            let start = reader.offset
            do throws(JSONError) {
                if let configuration = try kubeProxyDocument() { found.append(configuration) }
            } catch {
                note("kube-proxy configuration: \(error)", at: error.offset)
                return found
            }
            guard reader.offset > start else { break }
        }
        return found
    }

    /// One document: a configuration, the answer of `/configz` around one, a ConfigMap, or something else.
    private mutating func kubeProxyDocument() throws(JSONError) -> KubeProxyConfiguration? {
        guard reader.peek() == .object else {
            try reader.skipValue()
            return nil
        }
        let mark = reader.mark
        switch try topLevel() {
        case .configuration:
            reader.rewind(to: mark)
            return try kubeProxyConfiguration()
        case .configz(let inner):
            reader.rewind(to: inner)
            let configuration = try kubeProxyConfiguration()
            reader.rewind(to: mark)
            try reader.skipValue()
            return configuration
        case .configMap:
            reader.rewind(to: mark)
            beginObject(at: mark.offset)
            try configMap()
            return nil
        case .other: return nil
        }
    }

    private enum TopLevel {
        case configuration, configMap, other
        case configz(JSONMark)
    }

    /// What an object is; it is read to its end.
    private mutating func topLevel() throws(JSONError) -> TopLevel {
        var result = TopLevel.other
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if reader.isEqual(key, "kubeproxy.config.k8s.io"), reader.peek() == .object {
                result = .configz(reader.mark)
                try reader.skipValue()
            } else if reader.isEqual(key, "kind"), reader.peek() == .string {
                switch try reader.string() {
                case "KubeProxyConfiguration": result = .configuration
                case "ConfigMap": result = .configMap
                default: break
                }
            } else {
                try reader.skipValue()
            }
        }
        return result
    }

    private mutating func kubeProxyConfiguration() throws(JSONError) -> KubeProxyConfiguration {
        beginObject(at: reader.offset)
        var configuration = KubeProxyConfiguration(source: source())
        var iptables = Masquerade()
        var nftables = Masquerade()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if isNamed(key, "mode") {
                configuration.mode = try string("mode")
            } else if isNamed(key, "clustercidr") {
                configuration.clusterCIDRs = try clusterCIDRs()
            } else if isNamed(key, "nodeportaddresses") {
                configuration.nodePortAddresses = try strings("nodePortAddresses[]")
            } else if isNamed(key, "detectlocalmode") {
                configuration.detectLocalMode = try string("detectLocalMode")
            } else if isNamed(key, "hostnameoverride") {
                configuration.hostnameOverride = try string("hostnameOverride")
            } else if isNamed(key, "detectlocal") {
                try detectLocal(into: &configuration)
            } else if isNamed(key, "ipvs") {
                try ipvs(into: &configuration)
            } else if isNamed(key, "conntrack") {
                try conntrack(into: &configuration)
            } else if isNamed(key, "iptables") {
                iptables = try masquerade("iptables")
            } else if isNamed(key, "nftables") {
                nftables = try masquerade("nftables")
            } else {
                try reader.skipValue()
            }
        }
        let section = configuration.mode == "nftables" ? nftables : iptables
        configuration.masqueradeAll = section.all
        configuration.masqueradeBit = section.bit
        configuration.localhostNodePorts = iptables.localhostNodePorts
        for problem in problems {
            note("kube-proxy configuration: \(problem.path): \(problem.reason)", at: problem.offset)
        }
        problems.removeAll()
        return configuration
    }

    /// Whether a key is `name`, in whatever case: `/configz` wrote the names of the Go fields (`NodePortAddresses`) up to
    /// version 1.30 and those of the API since.
    private func isNamed(_ key: JSONText, _ name: StaticString) -> Bool {
        guard key.length == name.utf8CodeUnitCount else { return false }
        return name.withUTF8Buffer { letters in
            zip(reader.rawBytes(of: key), letters).allSatisfy { $0 | 0x20 == $1 }
        }
    }

    private struct Masquerade {
        var all: Bool?
        var bit: UInt8?
        var localhostNodePorts: Bool?
    }

    private mutating func detectLocal(into configuration: inout KubeProxyConfiguration) throws(JSONError) {
        guard try beginObject("detectLocal") else { return }
        while let key = try reader.nextKey() {
            if isNamed(key, "bridgeinterface") {
                configuration.bridgeInterface = try string("detectLocal.bridgeInterface").flatMap(Self.filled)
            } else if isNamed(key, "interfacenameprefix") {
                configuration.interfaceNamePrefix = try string("detectLocal.interfaceNamePrefix")
                    .flatMap(Self.filled)
            } else {
                try reader.skipValue()
            }
        }
    }

    private mutating func ipvs(into configuration: inout KubeProxyConfiguration) throws(JSONError) {
        guard try beginObject("ipvs") else { return }
        while let key = try reader.nextKey() {
            if isNamed(key, "scheduler") {
                configuration.scheduler = try string("ipvs.scheduler").flatMap(Self.filled)
            } else if isNamed(key, "strictarp") {
                configuration.strictARP = try flag("ipvs.strictARP")
            } else {
                try reader.skipValue()
            }
        }
    }

    private mutating func conntrack(into configuration: inout KubeProxyConfiguration) throws(JSONError) {
        guard try beginObject("conntrack") else { return }
        while let key = try reader.nextKey() {
            if isNamed(key, "maxpercore") {
                configuration.conntrackMaxPerCore = try count("conntrack.maxPerCore")
            } else if isNamed(key, "min") {
                configuration.conntrackMin = try count("conntrack.min")
            } else {
                try reader.skipValue()
            }
        }
    }

    private mutating func count(_ path: StaticString) throws(JSONError) -> UInt32? {
        try number(path, upTo: 1 << 31).map { UInt32(truncatingIfNeeded: $0) }
    }

    private static func filled(_ text: String) -> String? { text.isEmpty ? nil : text }

    private mutating func masquerade(_ section: StaticString) throws(JSONError) -> Masquerade {
        var result = Masquerade()
        guard try beginObject(section) else { return result }
        while let key = try reader.nextKey() {
            if isNamed(key, "masqueradeall") {
                result.all = try flag("masqueradeAll")
            } else if isNamed(key, "masqueradebit") {
                result.bit = try number("masqueradeBit", upTo: 31).map { UInt8(truncatingIfNeeded: $0) }
            } else if isNamed(key, "localhostnodeports") {
                result.localhostNodePorts = try flag("localhostNodePorts")
            } else {
                try reader.skipValue()
            }
        }
        return result
    }

    /// One prefix, or one of each family parted by a comma.
    private mutating func clusterCIDRs() throws(JSONError) -> [IPPrefix] {
        let offset = reader.offset
        var prefixes: [IPPrefix] = []
        guard let text = try string("clusterCIDR") else { return [] }
        for part in text.split(separator: ",") {
            let word = String(part.filter { $0 != " " })
            if let prefix = IPPrefix(word) {
                prefixes.append(prefix)
            } else {
                problem("clusterCIDR", "not a prefix", at: offset)
            }
        }
        return prefixes
    }
}
