package import ClewBundle

/// What a parser read from an artifact that is a list, and what it could not read.
package struct ParsedList<Element> {
    /// In the order of the artifact.
    package var values: [Element]
    package var unread: [UnreadLine]
    /// Lines of the artifact, read or not.
    package var lines: Int

    package init(values: [Element] = [], unread: [UnreadLine] = [], lines: Int = 0) {
        self.values = values
        self.unread = unread
        self.lines = lines
    }
}

extension ParsedList: Sendable where Element: Sendable {}
