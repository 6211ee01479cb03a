package import ClewBundle

/// A bundle written out in a test: nodes with a few addresses and routes, and whatever else the case is about.
package struct TextBundle {
    package private(set) var files: [String: String] = [:]

    package init() {}

    package var bundle: SupportBundle {
        SupportBundle(name: "case", artifacts: files.map { Artifact(path: $0.key, bytes: Array($0.value.utf8)) })
    }

    package subscript(_ path: String) -> String? {
        get { files[path] }
        set { files[path] = newValue }
    }

    /// A node with `eth0` in 192.168.50.0/24 and a bridge `cni0` for the pods 10.244.NUMBER.0/24 behind it.
    package mutating func addNode(_ name: String, number: Int) {
        let folder = "nodes/\(name)/"
        files[folder + "ip-addr.txt"] = """
            1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
                link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
                inet 127.0.0.1/8 scope host lo
            2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default qlen 1000
                link/ether 02:00:00:00:00:0\(number) brd ff:ff:ff:ff:ff:ff
                inet 192.168.50.1\(number)/24 brd 192.168.50.255 scope global eth0
            3: cni0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
                link/ether 02:00:00:00:01:0\(number) brd ff:ff:ff:ff:ff:ff
                inet 10.244.\(number).1/24 brd 10.244.\(number).255 scope global cni0

            """
        files[folder + "ip-route.txt"] = """
            default via 192.168.50.1 dev eth0
            10.244.\(number).0/24 dev cni0 proto kernel scope link src 10.244.\(number).1
            192.168.50.0/24 dev eth0 proto kernel scope link src 192.168.50.1\(number)
            local 10.244.\(number).1 dev cni0 table local proto kernel scope host src 10.244.\(number).1
            local 127.0.0.0/8 dev lo table local proto kernel scope host src 127.0.0.1
            local 192.168.50.1\(number) dev eth0 table local proto kernel scope host src 192.168.50.1\(number)

            """
        files[folder + "sysctl.txt"] = """
            net.bridge.bridge-nf-call-iptables = 1
            net.ipv4.conf.all.rp_filter = 0
            net.ipv4.ip_forward = 1

            """
    }

    package mutating func append(_ text: String, to path: String) { files[path, default: ""] += text + "\n" }

    package mutating func replace(_ text: String, with other: String, in path: String) {
        files[path] = files[path]?.components(separatedBy: text).joined(separator: other)
    }
}

extension String {
    fileprivate func components(separatedBy separator: String) -> [String] {
        var parts: [String] = []
        var rest = self[...]
        while let range = rest.firstRange(of: separator) {
            parts.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return parts + [String(rest)]
    }
}
