import Synchronization

/// What several checks need, worked out by the first that asks.
///
/// A class, since all copies of a context are to share it.
package final class SharedWork: Sendable {
    private let values = Mutex<[ObjectIdentifier: any Sendable]>([:])

    package init() {}

    /// The value of a type: made when it is asked for first.
    package func value<Value: Sendable>(_ type: Value.Type, orElse make: () -> Value) -> Value {
        let key = ObjectIdentifier(type)
        if let known = values.withLock({ $0[key] }) as? Value { return known }
        let made = make()
        values.withLock { $0[key] = made }
        return made
    }

    /// The value of a type, where it was asked for before.
    package func known<Value: Sendable>(_ type: Value.Type) -> Value? {
        values.withLock { $0[ObjectIdentifier(type)] } as? Value
    }
}

/// What was worked out before an edit of some nodes, and holds for the others still.
package struct EarlierWork: Sendable {
    package let work: SharedWork
    package let editedNodes: Set<String>
}
