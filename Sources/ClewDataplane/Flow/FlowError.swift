/// Why a connection cannot be traced as asked: one sentence for the user, lower case, without a period.
package struct FlowError: Error, Sendable, Hashable, CustomStringConvertible {
    package let message: String

    package init(_ message: String) { self.message = message }

    package var description: String { message }
}
