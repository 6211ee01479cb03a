import Glibc
import Synchronization

/// Threads of their own, since a network namespace belongs to a thread and threads of a pool are shared.
package enum Threads {
    private final class Job: Sendable {
        // A class, as pthread_create passes one pointer on.
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    private final class Slot<Value: Sendable>: Sendable {
        // A class, since a Mutex is not copied and two threads share this one.
        let result = Mutex<Result<Value, SystemError>?>(nil)
    }

    /// Runs `body` on a new thread and waits for its end.
    package static func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws(SystemError) -> Value
    ) throws(SystemError) -> Value {
        let slot = Slot<Value>()
        let thread = try start {
            let result: Result<Value, SystemError>
            do throws(SystemError) { result = .success(try body()) } catch { result = .failure(error) }
            slot.result.withLock { $0 = result }
        }
        pthread_join(thread, nil)
        guard let result = slot.result.withLock({ $0 }) else { throw .unusable("a thread gave no result") }
        return try result.get()
    }

    /// Starts a thread; the caller joins it or detaches it.
    static func start(_ body: @escaping @Sendable () -> Void) throws(SystemError) -> pthread_t {
        let job = Unmanaged.passRetained(Job(body))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { pointer in
                if let pointer { Unmanaged<Job>.fromOpaque(pointer).takeRetainedValue().body() }
                return nil
            }, job.toOpaque())
        guard code == 0 else {
            job.release()
            throw .call("pthread_create", errno: code)
        }
        return thread
    }

    /// Applies `body` to each item on at most `width` threads; results are in the order of the items.
    ///
    /// The first error, in that order, is thrown when all have ended.
    package static func map<Item: Sendable, Value: Sendable>(
        _ items: [Item], width: Int = 4, _ body: @escaping @Sendable (Item) throws(SystemError) -> Value
    ) throws(SystemError) -> [Value] {
        let next = Atomic<Int>(0)
        let results = Mutex<[Int: Result<Value, SystemError>]>([:])
        let shared = Shared(next, results)
        var threads: [pthread_t] = []
        for _ in 0..<min(max(width, 1), items.count) {
            threads.append(
                try start {
                    while true {
                        let index = shared.next.add(1, ordering: .relaxed).oldValue
                        guard index < items.count else { return }
                        let result: Result<Value, SystemError>
                        do throws(SystemError) {
                            result = .success(try body(items[index]))
                        } catch {
                            result = .failure(error)
                        }
                        shared.results.withLock { $0[index] = result }
                    }
                })
        }
        for thread in threads { pthread_join(thread, nil) }
        let all = shared.results.withLock { $0 }
        var values: [Value] = []
        for index in items.indices {
            guard let result = all[index] else { throw .unusable("a thread gave no result") }
            values.append(try result.get())
        }
        return values
    }

    private final class Shared<Value: Sendable>: Sendable {
        // A class, since neither of the two is copied.
        let next: Atomic<Int>
        let results: Mutex<[Int: Result<Value, SystemError>]>
        init(_ next: consuming Atomic<Int>, _ results: consuming Mutex<[Int: Result<Value, SystemError>]>) {
            self.next = next
            self.results = results
        }
    }
}
