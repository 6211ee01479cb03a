import ClewBundle
import ClewNet
import ClewParsers

/// Goes through a JSON text, or several one after the other, and replaces names and addresses in its strings.
struct JSONRewriter {
    /// What the text is, which decides what its strings mean.
    enum Kind {
        /// API objects and configurations: keys say what strings are, and all that is not known is a name.
        case objects
        /// What `ip -j` and `nft -j` print.
        case command
        /// `bundle.json`.
        case manifest
    }

    private let kind: Kind
    private var reader: JSONReader
    private var output: [UInt8] = []
    private var line: Int
    private let bytes: [UInt8]
    /// Up to where lines were copied.
    private var copied = 0
    /// An object that is none of Kubernetes' own, so that keys may be its owners' words.
    private var isForeign: Bool
    /// Makes the path of a file another one, for the manifest.
    private let path: (String, inout Redactor) -> String

    /// `isEmbedded`: of a ConfigMap; whose it is its `apiVersion` says.
    init(
        _ bytes: [UInt8], _ kind: Kind, isEmbedded: Bool = false,
        path: @escaping (String, inout Redactor) -> String = { name, _ in name }
    ) {
        self.kind = kind
        self.bytes = bytes
        isForeign = isEmbedded
        self.path = path
        reader = JSONReader(bytes)
        line = 0
    }

    /// The text with pseudonyms; `nil` where it is not well-formed.
    mutating func rewritten(_ redactor: inout Redactor) -> [UInt8]? {
        do throws(JSONError) {
            while !reader.isAtEnd() {
                try value(Place(), &redactor)
                output.append(0x0A)
            }
            return output
        } catch {
            return nil
        }
    }

    /// Where a value stands.
    private struct Place {
        var key = ""
        var parent = ""
        /// The keys of this object are names, as those of labels are.
        var hasOwnKeys = false
        /// The strings of this place are names.
        var isName = false
        /// Paths of files.
        var hasPaths = false
        /// In a list.
        var isElement = false
        /// What rules compare there is the name of a device.
        var isDevice = false
    }

    private mutating func value(_ place: Place, _ redactor: inout Redactor) throws(JSONError) {
        switch reader.peek() {
        case .object: try object(place, &redactor)
        case .array:
            output.append(UInt8(ascii: "["))
            try reader.beginArray()
            var isFirst = true
            var inner = place
            inner.isElement = true
            var ends: [IPAddress] = []
            while try reader.nextElement() {
                if !isFirst { output.append(UInt8(ascii: ",")) }
                isFirst = false
                breakLine()
                redactor.lastAddress = place.key == "range" ? nil : redactor.lastAddress
                try value(inner, &redactor)
                if place.key == "range", let address = redactor.lastAddress { ends.append(address) }
            }
            if ends.count == 2 { redactor.noteRange(ends[0], ends[1]) }
            output.append(UInt8(ascii: "]"))
        case .string:
            let text = try reader.string()
            if place.key == "apiVersion", !place.isName { isForeign = !LabelNames.isOfKubernetes(group: text) }
            quote(self.text(text, place, &redactor))
        default:
            let start = reader.offset
            try reader.skipValue()
            let raw = String(decoding: bytes[start..<reader.offset], as: UTF8.self)
            let plain = raw.filter { !$0.isWhitespace && $0 != "," && $0 != ":" }
            // A name must be a string: what is not read either way need not be told.
            let isName = kind == .objects && (place.isName && Self.labelMaps.contains(place.parent) || isNameKey(place))
            output += isName && NamePseudonyms.isNumber(plain) ? "0".utf8 : plain.utf8
            if place.key.hasSuffix("len"), let length = Int(plain), let address = redactor.lastAddress {
                redactor.noteNetwork(address, length: length)
            }
        }
    }

    /// Keeps the lines of the original, roughly, so that what is said of a line can be found.
    private mutating func breakLine() {
        let offset = min(reader.offset, bytes.count)
        guard offset > copied else { return }
        if bytes[copied..<offset].contains(0x0A) { output.append(0x0A) }
        copied = offset
    }

    private mutating func object(_ place: Place, _ redactor: inout Redactor) throws(JSONError) {
        output.append(UInt8(ascii: "{"))
        try reader.beginObject()
        var isFirst = true
        while let name = try reader.nextKey() {
            let key = try reader.string(of: name)
            if isDropped(key, in: place) {
                try reader.skipValue()
                continue
            }
            if !isFirst { output.append(UInt8(ascii: ",")) }
            isFirst = false
            breakLine()
            quote(self.key(key, place, &redactor))
            output += ": ".utf8
            try value(inner(key, place), &redactor)
        }
        output.append(UInt8(ascii: "}"))
    }

    // MARK: - Keys

    private func isDropped(_ key: String, in place: Place) -> Bool {
        // Redaction lists anew who stands for the world outside; what nobody reads need not be shown.
        if kind == .manifest { return place.key.isEmpty && !Self.manifestKeys.contains(key) }
        guard kind == .objects else { return false }
        if ["managedFields", "binaryData", "stringData"].contains(key) { return true }
        if key == "env" || key == "envFrom", !place.hasOwnKeys { return true }
        return place.key == "annotations" && !LabelNames.isPublic(key)
    }

    private func inner(_ key: String, _ place: Place) -> Place {
        var result = Place(key: key, parent: place.key)
        switch kind {
        case .command: break
        case .manifest:
            result.hasPaths = place.key.isEmpty && (key == "artifacts" || key == "namespaces")
            result.hasOwnKeys = place.key.isEmpty && key == "collections"
            result.isName = key == "pod" || key == "node"
        case .objects:
            result.hasOwnKeys = Self.maps.contains(key) && !place.hasOwnKeys
            result.isName = place.hasOwnKeys && place.key != "data" && place.key != "annotations"
        }
        return result
    }

    private static let manifestKeys: Set<String> = [
        "formatVersion", "collected", "tool", "artifacts", "namespaces", "missing", "collections",
    ]

    private static let maps: Set<String> = [
        "labels", "annotations", "matchLabels", "selector", "nodeSelector", "data", "capacity", "allocatable", "limits",
        "requests", "topology", "deprecatedTopology", "auths",
    ]

    /// Those whose values tell what belongs together, and may be numbers for all that.
    private static let labelMaps: Set<String> = [
        "labels", "matchLabels", "selector", "nodeSelector", "topology", "deprecatedTopology",
    ]

    private func key(_ key: String, _ place: Place, _ redactor: inout Redactor) -> String {
        if place.hasPaths { return path(key, &redactor) }
        if kind == .command {
            return redactor.names.pseudonyms[key]?.kind == .device ? redactor.names.device(key) : key
        }
        if kind == .manifest { return place.hasOwnKeys ? redactor.objectName(key) : key }
        if place.hasOwnKeys { return LabelNames.key(key, &redactor) }
        if key.contains(where: { "./: ".contains($0) }) { return LabelNames.key(key, &redactor) }
        return !isForeign || LabelNames.isOfTheAPI(key) || LabelNames.fields.contains(key)
            ? key : redactor.names.name(key)
    }

    // MARK: - Strings

    private func text(_ text: String, _ place: Place, _ redactor: inout Redactor) -> String {
        switch kind {
        case .command: return Self.output(text, place, &redactor)
        case .manifest:
            let isOwn = text.hasPrefix("clew") && text.allSatisfy { $0.isLetter || $0.isNumber || " .-".contains($0) }
            if place.key == "collected" || place.key == "tool" && isOwn { return text }
            if place.key == "what", text.hasPrefix("node ") {
                let name = String(text.dropFirst(5).prefix { $0 != "," })
                return "node " + redactor.objectName(name)
                    + Self.rewritten(String(text.dropFirst(5 + name.count)), .free, &redactor)
            }
            if place.key == "command" { return CommandLine.rewritten(text, &redactor) }
            if place.isName {
                return text.split(separator: "/", omittingEmptySubsequences: false).map {
                    redactor.objectName(String($0))
                }.joined(separator: "/")
            }
            return Self.rewritten(text, .free, &redactor)
        case .objects where isNameKey(place): return redactor.objectName(text)
        case .objects: return Self.field(text, place, &redactor)
        }
    }

    /// Whether a value is the name of an object.
    private func isNameKey(_ place: Place) -> Bool {
        guard !place.isName, !(place.key == "name" && place.parent == "ports"), place.key != "portName" else {
            return false
        }
        return Self.nameKeys.contains(place.key) || place.key.hasSuffix("Name") && place.key != "ifName"
    }

    private static let nameKeys: Set<String> = [
        "name", "namespace", "generateName", "nodeName", "serviceName", "serviceAccountName", "serviceAccount",
        "hostname", "subdomain", "hostnameOverride", "claimName", "zone", "region", "clusterName", "host", "hosts",
        "hostnames",
    ]

    static func rewritten(_ text: String, _ mode: Redactor.Mode, _ redactor: inout Redactor) -> String {
        var rewriter = TextRewriter(Array(text.utf8), mode)
        return String(decoding: rewriter.rewritten(&redactor), as: UTF8.self)
    }

    private static func output(_ text: String, _ place: Place, _ redactor: inout Redactor) -> String {
        if place.isDevice, !text.hasPrefix("@"), !text.hasPrefix("*") {
            let bytes = redactor.quoted(Array(text.utf8), isDevice: true)
            return String(decoding: bytes, as: UTF8.self)
        }
        switch place.key {
        case "set" where place.isElement, "map" where place.isElement: return Data.quoted(text, &redactor)
        case "ifname", "dev", "link", "master", "oif", "iif", "devname", "link_netns", "vrf", "ifindex_name":
            return redactor.names.device(text)
        case "altnames": return redactor.names.device(text)
        case "comment", "ifalias", "prefix": return rewritten(text, .comment, &redactor)
        case "chain", "set", "map", "flowtable", "name":
            // Names of nft's own things; those with a hash are told by their form.
            if text.contains("/") || text.hasPrefix("@") { return rewritten(text, .format, &redactor) }
            return place.parent == "table" && text == "kube-proxy" ? text : redactor.rules(text)
        case "target" where place.parent == "jump" || place.parent == "goto":
            return text.contains("/") ? rewritten(text, .format, &redactor) : redactor.names.known(text) ?? text
        case "table":
            return RouteTables.isKnown(text) ? text : redactor.rules(text)
        case "right", "left", "elem", "data":
            return Data.quoted(text, &redactor)
        default: return rewritten(text, .format, &redactor)
        }
    }

    /// What rules are compared with: an address, a device, the name of a set.
    private enum Data {
        static func quoted(_ text: String, _ redactor: inout Redactor) -> String {
            if text.hasSuffix("*") { return redactor.names.stem(ofDevices: String(text.dropLast())) + "*" }
            if redactor.names.pseudonyms[text]?.kind == .device { return redactor.names.device(text) }
            return rewritten(text, .format, &redactor)
        }
    }

    private static func field(_ text: String, _ place: Place, _ redactor: inout Redactor) -> String {
        if place.isName {
            let isLabel = JSONRewriter.labelMaps.contains(place.parent) && NamePseudonyms.isNumber(text)
            return isLabel
                ? LabelNames.number(text, of: place.key, &redactor)
                : LabelNames.value(text, of: place.key, &redactor)
        }
        switch place.key {
        case "name" where place.parent == "ports", "portName": return redactor.names.port(text)
        case "targetPort": return NamePseudonyms.isNumber(text) ? text : redactor.names.port(text)
        case "apiVersion", "appProtocol": return LabelNames.group(text, &redactor)
        case "kind" where LabelNames.kinds.contains(text): return text
        case "kind" where text.first?.isUppercase == true && !LabelNames.kinds.contains(text):
            return redactor.names.name(text)
        case "providerID": return LabelNames.provider(text, &redactor)
        case "values" where NamePseudonyms.isNumber(text): return redactor.names.known(number: text) ?? text
        case "image": return LabelNames.image(text, &redactor)
        case "uid", "containerID", "imageID", "podUID", "machineID", "systemUUID", "bootID", "resourceVersion",
            "pod-template-hash":
            return text.allSatisfy(\.isNumber) ? text : rewritten(text, .free, &redactor)
        case _ where LabelNames.keptFields.contains(place.key):
            let isOwnWord = FormatWords.contains(text) || LabelNames.fieldValues.contains(text)
            return isOwnWord
                || redactor.names.known(text) == nil && LabelNames.isPlainValue(text)
                    && LabelNames.isOfTheAPI(text)
                ? text : rewritten(text, .free, &redactor)
        case "data": return rewritten(text, .free, &redactor)
        default:
            return place.parent == "data" || text.contains("\n")
                ? EmbeddedText.rewritten(text, &redactor) : rewritten(text, .free, &redactor)
        }
    }

    private mutating func quote(_ text: String) {
        output.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): output += [UInt8(ascii: "\\"), byte]
            case 0x0A: output += "\\n".utf8
            case 0x09: output += "\\t".utf8
            case 0x0D: output += "\\r".utf8
            case 0..<0x20:
                output += "\\u00".utf8
                output += (byte < 16 ? "0" : "").utf8
                output += String(byte, radix: 16).utf8
            default: output.append(byte)
            }
        }
        output.append(UInt8(ascii: "\""))
    }
}

/// A configuration inside of a ConfigMap: YAML, JSON or text of its own.
enum EmbeddedText {
    static func rewritten(_ text: String, _ redactor: inout Redactor) -> String {
        let bytes = Array(text.utf8)
        if let json = json(of: bytes) {
            var rewriter = JSONRewriter(json, .objects, isEmbedded: true)
            if let result = rewriter.rewritten(&redactor) { return String(decoding: result, as: UTF8.self) }
        }
        return JSONRewriter.rewritten(text, .free, &redactor)
    }

    /// Whether a text is JSON by its first two signs: a prompt `[root@node ~]#` is none.
    static func beginsAsJSON(_ bytes: [UInt8]) -> Bool {
        let signs = bytes.lazy.filter { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }.prefix(2).map(\.self)
        guard let first = signs.first else { return false }
        let second = signs.dropFirst().first
        if first == UInt8(ascii: "{") { return second.map { "\"}".utf8.contains($0) } ?? true }
        return first == UInt8(ascii: "[") && (second.map { "{[]\"".utf8.contains($0) } ?? true)
    }

    /// JSON as it is, or what YAML says; `nil` where it is neither an object nor a list.
    static func json(of bytes: [UInt8]) -> [UInt8]? {
        if beginsAsJSON(bytes) { return bytes }
        guard bytes.contains(UInt8(ascii: ":")) else { return nil }
        let (json, unread) = YAMLText.json(from: bytes, artifact: .init(rawValue: 0))
        let start = json.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
        guard unread.isEmpty, start == UInt8(ascii: "{") || start == UInt8(ascii: "[") else { return nil }
        return json
    }
}
