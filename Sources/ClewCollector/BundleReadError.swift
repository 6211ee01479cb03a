/// Why a bundle could not be read at all.
package struct BundleReadError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What the user named.
    package let path: String
    package let reason: Reason

    package init(path: String, reason: Reason) {
        self.path = path
        self.reason = reason
    }

    /// One line: the path, then the reason.
    package var description: String {
        "\(path == "-" ? "standard input" : path.isEmpty ? "''" : printable(path)): \(reason)"
    }

    /// What stood in the way.
    package enum Reason: Error, Sendable, Hashable, CustomStringConvertible {
        /// The operating system's answer, in words.
        case system(String)
        /// Nothing to read: an empty file, a folder or archive without files.
        case empty(String)
        /// Bytes that are neither an archive nor text.
        case unknownFormat(String)
        /// The data ends too early: `inside nodes/…`, `behind nodes/…`.
        case truncated(at: String)
        /// The data contradicts its own checksums or its format.
        case damaged(String)
        /// An entry that would lie outside of the bundle.
        case escapes(entry: String, because: String)
        /// More than the limits allow.
        case tooLarge(String)

        package var description: String {
            switch self {
            case .system(let text), .empty(let text), .unknownFormat(let text), .tooLarge(let text): text
            case .truncated(let place): "truncated archive: ended \(place)"
            case .damaged(let text): "damaged: \(text)"
            case .escapes(let entry, let why): "refused: the entry \(printable(entry)) \(why)"
            }
        }
    }
}

/// Text from a file name that is safe to print on one line: control characters escaped, cut at 200 characters.
func printable(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars.prefix(200) {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate:
            result += "\\u{\(String(scalar.value, radix: 16))}"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return text.unicodeScalars.count > 200 ? result + "…" : result
}
