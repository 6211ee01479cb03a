import Dispatch

extension Array where Element: Sendable {
    /// As many elements, each made on some processor, in the order of their numbers.
    package init(concurrently count: Int, _ make: @Sendable (Int) -> Element) {
        self.init(unsafeUninitializedCapacity: Swift.max(count, 0)) { buffer, initialized in
            // Every element has a place of its own.
            nonisolated(unsafe) let places = buffer
            DispatchQueue.concurrentPerform(iterations: Swift.max(count, 0)) { number in
                places.initializeElement(at: number, to: make(number))
            }
            initialized = Swift.max(count, 0)
        }
    }
}
