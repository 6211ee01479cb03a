import CLinux
import Glibc

/// Waits for many descriptors at once (`epoll(7)`).
struct Poller: ~Copyable {
    enum Interest { case reading, writing }

    private let descriptor: CInt
    private var ready = [CInt](repeating: 0, count: 256)

    init() throws(SystemError) {
        descriptor = clew_poller()
        guard descriptor >= 0 else { throw .last("epoll_create1") }
    }

    deinit { close(descriptor) }

    /// From now on tells when a descriptor is ready; a closed one is forgotten by itself.
    func watch(_ other: CInt, for interest: Interest) {
        _ = clew_poller_watch(descriptor, other, interest == .writing ? 1 : 0)
    }

    /// The descriptors that are ready, none after so many milliseconds; -1 waits for ever.
    mutating func wait(milliseconds: Int32) -> ArraySlice<CInt> {
        let count = clew_poller_wait(descriptor, &ready, CInt(ready.count), milliseconds)
        return ready[..<max(0, Int(count))]
    }
}
