import ClewSnapshot

extension KubernetesObjects {
    /// Joins the objects of another file.
    ///
    /// Of an object that is in both, the one that was there stays.
    mutating func add(_ other: KubernetesObjects) {
        Self.join(&services, other.services) { $0.name }
        Self.join(&endpointSlices, other.endpointSlices) { $0.name }
        Self.join(&endpoints, other.endpoints) { $0.name }
        Self.join(&pods, other.pods) { $0.name }
        Self.join(&nodes, other.nodes) { $0.name }
        Self.join(&namespaces, other.namespaces) { $0.name }
        Self.join(&configMaps, other.configMaps) { $0.name }
        otherKinds.merge(other.otherKinds) { $0 + $1 }
    }

    private static func join<Object, Name: Hashable>(
        _ known: inout [Object], _ more: [Object], by name: (Object) -> Name
    ) {
        guard !known.isEmpty else {
            known = more
            return
        }
        var names = Set(known.map(name))
        for object in more where names.insert(name(object)).inserted { known.append(object) }
    }

    /// Each kind sorted by name.
    func sorted() -> KubernetesObjects {
        var result = self
        result.services.sort { $0.name < $1.name }
        result.endpointSlices.sort { $0.name < $1.name }
        result.endpoints.sort { $0.name < $1.name }
        result.pods.sort { $0.name < $1.name }
        result.nodes.sort { $0.name < $1.name }
        result.namespaces.sort { $0.name < $1.name }
        result.configMaps.sort { $0.name < $1.name }
        return result
    }
}
