/// The number of an artifact in its bundle.
package struct ArtifactID: RawRepresentable, Sendable, Hashable, Comparable, BitwiseCopyable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// A line of an artifact: where a value was read.
package struct SourceLine: Sendable, Hashable, Comparable, BitwiseCopyable {
    package let artifact: ArtifactID
    /// Counts from 1; 0 where the artifact as a whole is meant.
    package let line: UInt32

    package init(_ artifact: ArtifactID, line: UInt32) {
        self.artifact = artifact
        self.line = line
    }

    package static func < (a: Self, b: Self) -> Bool {
        a.artifact == b.artifact ? a.line < b.line : a.artifact < b.artifact
    }
}

/// Why a field could not be read, and where in its line.
package struct FieldError: Error, Sendable, Hashable {
    package let reason: String
    /// Bytes from the start of the line.
    package let offset: Int

    package init(_ reason: String, at offset: Int = 0) {
        self.reason = reason
        self.offset = offset
    }
}

/// A line that was kept because no parser could read it.
package struct UnreadLine: Sendable, Hashable {
    package let source: SourceLine
    /// The line, cut at 400 bytes.
    package let text: String
    package let reason: String
    /// What the line said is lost, and may decide where packets go: an answer that passes its place is not certain.
    package var mayDecide: Bool
    /// Not a line, but all that a command would have printed: the file is empty, or not there.
    package var isWholeFile: Bool

    package init(
        _ source: SourceLine, text: String, reason: String, mayDecide: Bool = false, isWholeFile: Bool = false
    ) {
        self.mayDecide = mayDecide
        self.isWholeFile = isWholeFile
        self.source = source
        self.text = text.utf8.count > 400 ? String(text.prefix(400)) + "…" : text
        self.reason = reason
    }
}
