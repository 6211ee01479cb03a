import ClewBundle
import ClewCollector
import ClewParsers

/// The identities of the findings of an earlier `clew check -o json`.
struct Baseline {
    private(set) var identities: Set<String> = []

    init(reading path: String) throws(CommandFailure) {
        let bytes: [UInt8]
        do {
            bytes = try BundleReader.readFile(path: path, as: "baseline.json").artifacts.first?.bytes ?? []
        } catch {
            throw CommandFailure("\(error)")
        }
        var reader = JSONReader(bytes)
        let schema: String?
        do throws(JSONError) {
            schema = try read(&reader)
        } catch {
            throw CommandFailure("\(path): is not a report of 'clew check -o json': \(error)")
        }
        guard schema == "clew.check/v1" else {
            throw CommandFailure("\(path): is not a report of 'clew check -o json'")
        }
    }

    /// Returns the document's schema.
    private mutating func read(_ reader: inout JSONReader) throws(JSONError) -> String? {
        var schema: String?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch try reader.string(of: key) {
            case "schema": schema = reader.peek() == .string ? try reader.string() : try Self.nothing(&reader)
            case "findings": try readFindings(&reader)
            default: try reader.skipValue()
            }
        }
        return schema
    }

    private mutating func readFindings(_ reader: inout JSONReader) throws(JSONError) {
        try reader.beginArray()
        while try reader.nextElement() {
            try reader.beginObject()
            while let key = try reader.nextKey() {
                if try reader.string(of: key) == "id", reader.peek() == .string {
                    identities.insert(try reader.string())
                } else {
                    try reader.skipValue()
                }
            }
        }
    }

    private static func nothing(_ reader: inout JSONReader) throws(JSONError) -> String? {
        try reader.skipValue()
        return nil
    }
}
