import ClewSnapshot

extension CompiledNamespace {
    func settings(of device: Link) -> LinkSettings {
        guard let index = linkNames[device.name], Int(index) < linkSettings.count else {
            return LinkSettings(of: device.name, state.sysctls)
        }
        return linkSettings[Int(index)]
    }
}

/// What sysctls say of an IPv4 link, worked out once: packets ask for it at every hop.
struct LinkSettings: Sendable {
    /// Whether packets that come in by the link are forwarded: the key that decides, and its value; `nil` where none was
    /// collected.
    let forwardingKey: String
    let forwarding: Sysctl?
    /// `rp_filter`: 0 none, 1 strict, 2 loose; the greater of the link's own and that for all.
    let reversePathFilter: Int

    init(of link: String, _ sysctls: [String: Sysctl]) {
        // procps prints a dot in an interface name as a slash.
        let slashed = String(link.map { $0 == "." ? "/" : $0 })
        func own(_ key: String) -> Sysctl? {
            sysctls["net.ipv4.conf.\(link).\(key)"] ?? sysctls["net.ipv4.conf.\(slashed).\(key)"]
        }
        if let setting = own("forwarding") {
            forwardingKey = "net.ipv4.conf.\(link).forwarding"
            forwarding = setting
        } else {
            forwardingKey = "net.ipv4.ip_forward"
            forwarding = sysctls["net.ipv4.ip_forward"] ?? sysctls["net.ipv4.conf.all.forwarding"]
        }
        let all = sysctls["net.ipv4.conf.all.rp_filter"].flatMap { Int($0.value) } ?? 0
        reversePathFilter = max(all, own("rp_filter").flatMap { Int($0.value) } ?? 0)
    }
}
