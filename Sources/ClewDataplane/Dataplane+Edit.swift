package import ClewSnapshot

/// Some of the namespaces of a data plane.
package struct NamespaceSet: Sendable, Hashable {
    /// A bit per namespace.
    fileprivate var words: [UInt64]

    /// Whether any namespace is in both.
    package func intersects(_ other: NamespaceSet) -> Bool {
        zip(words, other.words).contains { $0 & $1 != 0 }
    }
}

/// Walks connections one after the other, and says on which namespaces each depends.
///
/// What becomes of a connection is worked out of nothing but the namespaces it names, and of the tables over all
/// namespaces that ``Dataplane/edited(to:in:)`` compares.
package struct RecordingWalker {
    private let world: World
    private let record: ReadRecord

    package init(_ dataplane: Dataplane) {
        record = ReadRecord(namespaces: dataplane.world.namespaceCount)
        world = World(dataplane.world, recordingIn: record)
    }

    /// Walks a connection there and back; of one that works, neither the paths nor the notes are told.
    package func trouble(of flow: Flow) -> (trace: Trace, reads: NamespaceSet) {
        walk(flow, .onlyTrouble)
    }

    /// Walks a connection there and back.
    package func trace(_ flow: Flow) -> (trace: Trace, reads: NamespaceSet) { walk(flow, .whole) }

    private func walk(_ flow: Flow, _ detail: TraceDetail) -> (trace: Trace, reads: NamespaceSet) {
        record.clear()
        let trace = Tracer.trace(flow, in: world, detail)
        return (trace, NamespaceSet(words: record.words))
    }
}

extension Dataplane {
    /// The data plane of a snapshot that differs from this one's in some namespaces alone, and not in the API's objects.
    ///
    /// Only these are compiled. `changed` holds them: a connection that depends on none of them goes as before. It is
    /// `nil` where the difference shows in what is known of all namespaces, such as who has an address: then any
    /// connection may be another.
    package func edited(
        to snapshot: ClusterSnapshot, in places: [(node: String, pod: NamespacedName?)]
    ) -> (dataplane: Dataplane, changed: NamespaceSet?) {
        var indices: Set<NamespaceIndex> = []
        for place in places {
            guard let index = world.namespace(of: place.node, pod: place.pod) else {
                return (Dataplane(compiling: snapshot), nil)
            }
            indices.insert(index)
        }
        let other = World(world, editedTo: snapshot, in: indices)
        let record = ReadRecord(namespaces: other.namespaceCount)
        for index in indices { record.note(index) }
        return (Dataplane(other), other.hasSameTables(as: world) ? NamespaceSet(words: record.words) : nil)
    }
}
