import ClewSnapshot

/// Joins what `ip link`, `ip addr` and `bridge link` tell of the same devices.
enum LinkMerge {
    /// The devices sorted by index; `nil` if neither `ip link` nor `ip addr` was collected.
    static func merge(links: [Link]?, addresses: [Link]?, ports: [NamedBridgePort]) -> [Link]? {
        guard links != nil || addresses != nil else { return nil }
        var merged: [Link] = []
        var places: [String: Int] = [:]
        for link in (links ?? []) + (addresses ?? []) {
            if let place = places[link.name] {
                merged[place].merge(link)
            } else {
                places[link.name] = merged.count
                merged.append(link)
            }
        }
        for named in ports {
            guard let place = places[named.name] else { continue }
            merged[place].port = named.port.completed(from: merged[place].port)
            merged[place].master = merged[place].master ?? named.port.bridge
        }
        return merged.sorted { $0.index == $1.index ? $0.name < $1.name : $0.index < $1.index }
    }
}

extension BridgePort {
    fileprivate func completed(from other: BridgePort?) -> BridgePort {
        var port = self
        port.state = state ?? other?.state
        port.hairpin = hairpin ?? other?.hairpin
        port.isolated = isolated ?? other?.isolated
        return port
    }
}
