import ClewBundle
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Foundation
import Testing

@Suite struct KubernetesSharedTests {
    private func parse(_ bytes: [UInt8]) -> ParsedObjects {
        KubernetesParser.parse(bytes, artifact: ArtifactID(rawValue: 1), isYAML: false)
    }

    /// Every recorded list is read without a rest, and holds as many objects as Foundation finds in it.
    @Test func recordedListsAreReadWhole() throws {
        for folder in SharedData.folders("kube-proxy", for: "recordedListsAreReadWhole") {
            guard let bytes = SharedData.bytes(folder + "/objects.json") else { continue }
            let parsed = parse(bytes)
            #expect(parsed.unread == [], "\(folder)")
            let list = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
            let items = try #require(list["items"] as? [[String: Any]])
            func names(_ kind: String) -> [String] {
                items.filter { $0["kind"] as? String == kind }.compactMap { $0["metadata"] as? [String: Any] }
                    .map { "\(($0["namespace"] as? String).map { $0 + "/" } ?? "")\($0["name"] as? String ?? "")" }
                    .sorted()
            }
            #expect(parsed.count == items.count)
            #expect(parsed.objects.services.map(\.name.description).sorted() == names("Service"))
            #expect(parsed.objects.endpointSlices.map(\.name.description).sorted() == names("EndpointSlice"))
            #expect(parsed.objects.pods.map(\.name.description).sorted() == names("Pod"))
            #expect(parsed.objects.nodes.map(\.name) == names("Node"))
            #expect(parsed.objects.services.allSatisfy { !$0.ports.isEmpty || $0.isHeadless || $0.externalName != nil })
            // Each object's place is its opening brace.
            let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            for service in parsed.objects.services { #expect(lines[Int(service.source.line) - 1] == "        {") }
        }
    }

    @Test func publishedListsAreReadWhole() {
        guard let root = SharedData.root else {
            return print("SKIP publishedListsAreReadWhole: no shared data (CLEW_SHARED, ../shared)")
        }
        let folder = root + "/corpus/cluster-json"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        #expect(!names.isEmpty)
        for name in names {
            guard let bytes = SharedData.bytes(folder + "/" + name) else { continue }
            let parsed = parse(bytes)
            #expect(parsed.unread == [] && parsed.count > 0, "\(name)")
            #expect(parsed.objects.pods.count + parsed.objects.nodes.count == parsed.count, "\(name)")
        }
    }

    /// Files that are no API objects give notes, no trap.
    @Test func foreignFilesGiveNotes() {
        guard let root = SharedData.root else {
            return print("SKIP foreignFilesGiveNotes: no shared data (CLEW_SHARED, ../shared)")
        }
        for folder in ["corefile", "kube-proxy-config", "sysctl", "conntrack"] {
            let path = root + "/corpus/" + folder
            for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
                guard let bytes = SharedData.bytes(path + "/" + name), bytes.count < 200_000 else { continue }
                for isYAML in [false, true] {
                    let parsed = KubernetesParser.parse(bytes, artifact: ArtifactID(rawValue: 1), isYAML: isYAML)
                    #expect(parsed.count > 0 || !parsed.unread.isEmpty || isYAML, "\(name)")
                    _ = KubeProxyConfigParser.parse(bytes, artifact: ArtifactID(rawValue: 1))
                }
            }
        }
    }
}

@Suite struct KubernetesFuzzTests {
    private func parse(_ bytes: [UInt8]) -> ParsedObjects {
        KubernetesParser.parse(bytes, artifact: ArtifactID(rawValue: 1), isYAML: false)
    }

    /// A list in the shapes of a real one, with every kind.
    private func list(indented: Bool) throws -> [UInt8] {
        let object = try JSONTree(KubernetesParserTests.serviceJSON)
        var items: [JSONTree] = []
        for i in 0..<6 {
            guard case .object(var service) = object, case .object(var metadata)? = service["metadata"] else {
                continue
            }
            metadata["name"] = .string("api-\(i)")
            service["metadata"] = .object(metadata)
            items.append(.object(service))
        }
        let tree = JSONTree.object(["apiVersion": .string("v1"), "kind": .string("List"), "items": .array(items)])
        return try JSONSerialization.data(
            withJSONObject: tree.foundation, options: indented ? [.prettyPrinted, .sortedKeys] : [.sortedKeys]
        ).map { $0 }
    }

    @Test(arguments: [true, false])
    func truncatedLists(indented: Bool) throws {
        let bytes = try list(indented: indented)
        #expect(parse(bytes).objects.services.count == 6 && parse(bytes).unread == [])
        var known = 0
        for end in stride(from: 0, to: bytes.count - 1, by: 97) {
            let parsed = parse(Array(bytes[..<end]))
            #expect(parsed.objects.services.count >= known, "at \(end)")
            known = max(known, parsed.objects.services.count)
            #expect(!parsed.unread.isEmpty || end == 0, "at \(end)")
        }
        #expect(known >= 4)
    }

    @Test(arguments: [31, 32, 33] as [UInt64])
    func damagedLists(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let whole = try list(indented: seed % 2 == 0)
        let letters = Array(#"{}[]",:\0-tfn1 "#.utf8) + [10, 0xFF, 0]
        for _ in 0..<300 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = letters.randomElement(using: &random) ?? 0
                case 1: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...60, using: &random)))
                default: bytes.insert(letters.randomElement(using: &random) ?? 0, at: place)
                }
            }
            let parsed = parse(bytes)
            #expect(parsed.objects.services.count <= 6, "seed \(seed)")
            #expect(parsed.unread.allSatisfy { Int($0.source.line) <= parsed.lines + 1 }, "seed \(seed)")
        }
    }

    @Test(arguments: [41, 42] as [UInt64])
    func randomBytes(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let parts = [
            "{", "}", "[", "]", ",", ":", "\n", "\n{", "\"kind\":", "\"items\":", "\"List\"", "\"Service\"", "\"Pod\"",
            "\"metadata\":{\"name\":\"a\"}", "\"spec\":", "\"ports\":", "null", "1", "\"", "\\", "\"addressType\":",
            "\"ServiceList\"",
        ].map { Array($0.utf8) }
        for _ in 0..<5000 {
            let bytes = (0..<Int.random(in: 0...40, using: &random)).flatMap { _ in
                Int.random(in: 0..<12, using: &random) == 0
                    ? [UInt8.random(in: 0...255, using: &random)] : parts.randomElement(using: &random) ?? []
            }
            let parsed = parse(bytes)
            #expect(parsed.unread.count <= 101 + bytes.count, "seed \(seed)")
        }
    }

    /// Documents that each break at their end must not make reading quadratic without bound.
    @Test func manyBrokenDocumentsEnd() {
        let bytes = Array(String(repeating: "{\"a\":[\n", count: 50_000).utf8)
        let parsed = parse(bytes)
        #expect(parsed.objects.services.isEmpty && !parsed.unread.isEmpty && parsed.unread.count <= 101)
        let nested = Array((String(repeating: "{\"kind\":\"List\",\"items\":[", count: 5000)).utf8)
        #expect(!parse(nested).unread.isEmpty)
    }
}

extension JSONTree {
    /// The value as Foundation's writer takes it.
    var foundation: Any {
        switch self {
        case .object(let members): members.mapValues(\.foundation)
        case .array(let elements): elements.map(\.foundation)
        case .string(let text): text
        case .number(.integer(let value)): NSNumber(value: value)
        case .number(.unsigned(let value)): NSNumber(value: value)
        case .number(.double(let value)): NSNumber(value: value)
        case .bool(let value): NSNumber(value: value)
        case .null: NSNull()
        }
    }
}
