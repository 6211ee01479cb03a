package import ClewSnapshot

extension KubernetesObjects {
    /// Joins the objects of another artifact.
    ///
    /// Each kind is sorted afterwards. Of an object that is there twice, the higher `resourceVersion` stays; where
    /// they do not decide, the one of `other`.
    package mutating func merge(_ other: KubernetesObjects) {
        services += other.services
        endpointSlices += other.endpointSlices
        endpoints += other.endpoints
        pods += other.pods
        nodes += other.nodes
        namespaces += other.namespaces
        configMaps += other.configMaps
        otherKinds.merge(other.otherKinds, uniquingKeysWith: &+)
        sort()
    }

    /// Sorts each kind by name and keeps each object once.
    mutating func sort() {
        services.sortByName()
        endpointSlices.sortByName()
        endpoints.sortByName()
        pods.sortByName()
        nodes.sortByName()
        namespaces.sortByName()
        configMaps.sortByName()
    }
}

/// What tells an object from others of its kind, and its states from each other.
private protocol NamedObject {
    var identity: NamespacedName { get }
    var resourceVersion: UInt64? { get }
}

extension Service: NamedObject { fileprivate var identity: NamespacedName { name } }
extension EndpointSlice: NamedObject { fileprivate var identity: NamespacedName { name } }
extension Endpoints: NamedObject { fileprivate var identity: NamespacedName { name } }
extension Pod: NamedObject { fileprivate var identity: NamespacedName { name } }
extension Node: NamedObject { fileprivate var identity: NamespacedName { NamespacedName("", name) } }
extension Namespace: NamedObject { fileprivate var identity: NamespacedName { NamespacedName("", name) } }
extension ConfigMap: NamedObject { fileprivate var identity: NamespacedName { name } }

extension Array where Element: NamedObject {
    fileprivate mutating func sortByName() {
        let names = map(\.identity)
        // kubectl prints sorted by name; then there is nothing to do.
        guard !zip(names, names.dropFirst()).allSatisfy({ $0 < $1 }) else { return }
        let order = indices.sorted { a, b in names[a] == names[b] ? a < b : names[a] < names[b] }
        arrange(order)
        if zip(order, order.dropFirst()).contains(where: { names[$0] == names[$1] }) { keepOneOfEach() }
    }

    /// Puts the element that is at `order[place]` at `place`, by swaps: copies of objects cost more than the sorting.
    private mutating func arrange(_ order: [Int]) {
        var order = order
        for start in indices {
            var place = start
            while order[place] != start {
                let next = order[place]
                swapAt(place, next)
                order[place] = place
                place = next
            }
            order[place] = place
        }
    }

    /// Of neighbours with the same name, which are in the order they were found, keeps the one to be kept.
    private mutating func keepOneOfEach() {
        var result: [Element] = []
        result.reserveCapacity(count)
        for object in self {
            if let last = result.last, last.identity == object.identity {
                if object.replaces(last) { result[result.count - 1] = object }
            } else {
                result.append(object)
            }
        }
        self = result
    }
}

extension NamedObject {
    /// Whether this state of an object, found later, is to be kept instead of `other`.
    fileprivate func replaces(_ other: Self) -> Bool {
        guard let ours = resourceVersion, let theirs = other.resourceVersion else { return true }
        return ours >= theirs
    }
}
