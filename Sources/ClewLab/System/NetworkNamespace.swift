import CLinux
import Glibc

/// A network namespace that lives as long as this value, its sockets and the processes in it.
///
/// It has no name in the file system: nothing but a descriptor of this process holds it, so that it goes when the
/// process does, `kill -9` included. Commands that want a path take ``path``.
package final class NetworkNamespace: Sendable {
    // A class, as it owns a descriptor that many places use.

    /// What the lab calls it; the kernel knows no names.
    package let name: String
    package let descriptor: CInt

    /// Makes a new, empty namespace: its loopback is down, and its sysctls are partly copies of the host's.
    package init(_ name: String) throws(SystemError) {
        self.name = name
        descriptor = try Threads.run { () throws(SystemError) -> CInt in
            guard clew_unshare_net() == 0 else { throw .last("unshare(CLONE_NEWNET) for \(name)") }
            return try Self.openOwn()
        }
    }

    private init(_ name: String, descriptor: CInt) {
        self.name = name
        self.descriptor = descriptor
    }

    /// Takes a descriptor over that another program has left open.
    convenience init(adopting descriptor: CInt, named name: String) {
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        self.init(name, descriptor: descriptor)
    }

    deinit { close(descriptor) }

    /// The namespace of the calling thread.
    package static func current(named name: String = "current") throws(SystemError) -> NetworkNamespace {
        NetworkNamespace(name, descriptor: try openOwn())
    }

    private static func openOwn() throws(SystemError) -> CInt {
        let descriptor = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last("/proc/thread-self/ns/net") }
        return descriptor
    }

    /// A path for `ip link … netns PATH`, `nsenter --net=PATH` and CNI's `CNI_NETNS`; good while this value lives.
    package var path: String { "/proc/\(getpid())/fd/\(descriptor)" }

    /// Runs `body` on a new thread that is in this namespace, and waits for it.
    ///
    /// Sockets opened and commands started there belong to the namespace for their whole life; `/proc/sys/net` and
    /// `/proc/thread-self/net` are its. Nothing of it is left on other threads.
    package func perform<Value: Sendable>(
        _ body: @escaping @Sendable () throws(SystemError) -> Value
    ) throws(SystemError) -> Value {
        try Threads.run { () throws(SystemError) -> Value in
            guard clew_setns_net(self.descriptor) == 0 else { throw .last("setns to \(self.name)") }
            return try body()
        }
    }

    /// Opens a socket that belongs to the namespace.
    package func socket(_ domain: Int32, _ type: Int32, _ number: Int32 = 0) throws(SystemError) -> Socket {
        Socket(
            owning: try perform { () throws(SystemError) -> CInt in try Socket(domain, type, number).release() })
    }

    // MARK: - Commands

    /// Runs a command in the namespace.
    @discardableResult
    package func run(_ command: Command) throws(SystemError) -> CommandResult {
        try perform { () throws(SystemError) -> CommandResult in try command.run() }
    }

    /// Runs a command in the namespace and demands exit code 0.
    @discardableResult
    package func run(_ words: String..., input: String = "") throws(SystemError) -> String {
        try run(Command(words, input: input)).output()
    }

    /// Runs lines of `ip -batch` in one process; the error names the line.
    package func ip(_ lines: [String]) throws(SystemError) {
        guard !lines.isEmpty else { return }
        let result = try run(Command(["ip", "-batch", "-"], input: lines.joined(separator: "\n") + "\n"))
        guard result.status == .exited(0) else {
            throw .command(["ip", "-batch"], status: "\(result.status) in \(name)", message: result.errorText)
        }
    }

    // MARK: - Sysctls

    /// Writes kernel parameters, as `net/ipv4/ip_forward` or `net.ipv4.ip_forward`, in the order given.
    package func setSysctls(_ values: [(key: String, value: String)]) throws(SystemError) {
        try perform { () throws(SystemError) in
            for (key, value) in values { try Sysctl.write(key, value) }
        }
    }

    package func setSysctl(_ key: String, _ value: String) throws(SystemError) { try setSysctls([(key, value)]) }

    /// The value of a kernel parameter without its newline; nil if there is none.
    package func sysctl(_ key: String) throws(SystemError) -> String? {
        try perform { () throws(SystemError) -> String? in Sysctl.read(key) }
    }
}
