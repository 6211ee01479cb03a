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
}
