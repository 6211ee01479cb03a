package import ClewBundle

/// What a parser made of one file.
package struct ParsedFile<Value: Sendable>: Sendable {
    package var value: Value
    /// Lines that could not be read, in their order.
    package var unread: [UnreadLine]
    /// How many lines the file has, blank ones and comments included.
    package var lines: Int

    package init(_ value: Value, unread: [UnreadLine] = [], lines: Int) {
        self.value = value
        self.unread = unread
        self.lines = lines
    }
}
