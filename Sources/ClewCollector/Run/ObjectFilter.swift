/// Takes out of API objects what may be secret: values of the environment, the annotation that repeats them, and the
/// values of arguments that are called so.
enum ObjectFilter {
    /// The objects without it; `nil` where the text is not well-formed.
    static func filtered(_ text: [UInt8]) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        return copy(text[...], key: "", depth: 0, to: &result) ? result + [UInt8(ascii: "\n")] : nil
    }

    private static let droppedMembers: Set<String> = [
        "kubectl.kubernetes.io/last-applied-configuration", "managedFields",
    ]

    /// Objects of the API are some twenty levels deep.
    private static let maxDepth = 200

    private static func copy(_ text: ArraySlice<UInt8>, key: String, depth: Int, to result: inout [UInt8]) -> Bool {
        guard depth < maxDepth else { return false }
        switch text.first(where: { ![0x20, 0x09, 0x0a, 0x0d].contains($0) }) {
        case UInt8(ascii: "{"):
            guard let members = JSONSlices.members(text) else { return false }
            result.append(UInt8(ascii: "{"))
            var isFirst = true
            for (name, value) in members where !isDropped(name, value) {
                if !isFirst { result.append(UInt8(ascii: ",")) }
                isFirst = false
                result += [UInt8(ascii: "\"")] + Array(name.utf8) + Array("\":".utf8)
                guard copy(value, key: name, depth: depth + 1, to: &result) else { return false }
            }
            result.append(UInt8(ascii: "}"))
        case UInt8(ascii: "["):
            guard let elements = JSONSlices.elements(text) else { return false }
            result.append(UInt8(ascii: "["))
            var words = ArgumentMask()
            for (index, element) in elements.enumerated() {
                if index > 0 { result.append(UInt8(ascii: ",")) }
                if key == "args" || key == "command", element.first == UInt8(ascii: "\"") {
                    result += words.masked(element)
                } else {
                    guard copy(element, key: "", depth: depth + 1, to: &result) else { return false }
                }
            }
            result.append(UInt8(ascii: "]"))
        case nil: return false
        default: result += text
        }
        return true
    }

    /// A label may be called `env`; the environment of a container is a list.
    private static func isDropped(_ name: String, _ value: ArraySlice<UInt8>) -> Bool {
        droppedMembers.contains(name) || (name == "env" && value.first == UInt8(ascii: "["))
    }
}

/// Hides the values of arguments that are called token, password or the like.
struct ArgumentMask {
    private var hidesNext = false
    private static let hidden = Array("\"REDACTED\"".utf8)

    /// A string of JSON with its quotes; one that holds a secret loses it.
    mutating func masked(_ text: ArraySlice<UInt8>) -> [UInt8] {
        let word = String(decoding: text, as: UTF8.self)
        let name = word.dropFirst().prefix { $0 != "=" }.lowercased()
        let wasHidden = hidesNext && !name.hasPrefix("-")
        let isSecret = ["token", "passw", "secret", "api-key", "apikey"].contains { name.contains($0) }
        hidesNext = isSecret && name.hasPrefix("-") && !word.contains("=")
        if wasHidden { return Self.hidden }
        if isSecret, word.contains("=") || !name.hasPrefix("-") {
            return word.contains("=") ? Array("\(word.prefix { $0 != "=" })=REDACTED\"".utf8) : Array(text)
        }
        // Credentials in an address: https://user:password@host
        if let scheme = word.range(of: "://"), let at = word[scheme.upperBound...].lastIndex(of: "@") {
            return Array("\(word[..<scheme.upperBound])REDACTED\(word[at...])".utf8)
        }
        return Array(text)
    }
}

extension String {
    /// Where a text begins and ends in this one.
    fileprivate func range(of text: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
