import ClewSnapshot

/// `ObjectMeta` (`k8s.io/apimachinery/pkg/apis/meta/v1`), as far as the model needs it.
struct ObjectMetadata {
    var name = ""
    var namespace = ""
    var labels: [String: String] = [:]
    var annotations: [String: String] = [:]
    var creationTimestamp: String?
    var deletionTimestamp: String?
    var resourceVersion: UInt64?

    /// The name of an object that lives in a namespace; kubectl's default where it does not say.
    var namespacedName: NamespacedName { NamespacedName(namespace.isEmpty ? "default" : namespace, name) }
}

extension ObjectReader {
    /// Reads `metadata`; annotations only where they are asked for.
    mutating func metadata(annotations: Bool = false) throws(JSONError) -> ObjectMetadata {
        var result = ObjectMetadata()
        guard try beginObject("metadata") else { return result }
        while let key = try reader.nextKey() {
            if reader.isEqual(key, "name") {
                result.name = try string("metadata.name") ?? ""
            } else if reader.isEqual(key, "namespace") {
                result.namespace = try string("metadata.namespace") ?? ""
            } else if reader.isEqual(key, "labels") {
                result.labels = try dictionary("metadata.labels")
            } else if annotations, reader.isEqual(key, "annotations") {
                result.annotations = try dictionary("metadata.annotations")
            } else if reader.isEqual(key, "creationTimestamp") {
                result.creationTimestamp = try string("metadata.creationTimestamp")
            } else if reader.isEqual(key, "deletionTimestamp") {
                result.deletionTimestamp = try string("metadata.deletionTimestamp")
            } else if reader.isEqual(key, "resourceVersion") {
                result.resourceVersion = try string("metadata.resourceVersion").flatMap { UInt64($0) }
            } else {
                try reader.skipValue()
            }
        }
        return result
    }

    /// Ends an object: notes its problems; throws if it has no name, so that it is noted as a whole.
    mutating func finish(_ kind: StaticString, _ name: NamespacedName) throws(JSONError) {
        if name.name.isEmpty { throw JSONError(.expected("metadata.name of a \(kind)"), at: reader.offset) }
        flush(kind, name)
    }
}
