import CLinux
import Glibc
import Synchronization

/// Namespaces of its own for the whole process, so that nothing it makes can outlive it or meet the host.
///
/// `clew-lab` enters before it does anything else: network, mounts, processes, IPC and host name, with a private
/// tmpfs on `/run/netns` (for tools that name namespaces) and a lock file of its own for iptables. When the process
/// ends, `kill -9` included, the kernel ends every process in it, and with them the network namespaces. Code that
/// runs elsewhere, as in a test, needs none of it: a `NetworkNamespace` has no name that could be left behind.
package enum Isolation {
    /// Whether this process, or one that has started it, is in them: set once, before the first thread.
    package static var isEntered: Bool { getenv("CLEW_LAB_ISOLATED") != nil }

    /// The network namespace this process was in before; nil outside of a virtual machine, where nothing may touch it.
    package static var firstNamespace: NetworkNamespace? { first.withLock { $0 } }
    private static let first = Mutex<NetworkNamespace?>(nil)

    /// Forks, and begins the program anew in the isolated child: the first call there returns.
    ///
    /// Must come before anything that must not be done twice. A child that went on without beginning anew would have its
    /// parent's thread for its own: Swift's runtime remembers the number of the thread that it locks for, and where two
    /// threads want one lock the kernel is asked for an owner that is not there, for ever.
    package static func begin() throws(SystemError) {
        if let inherited = getenv(mark).flatMap({ CInt(String(cString: $0)) }) {
            unsetenv(mark)
            if inherited >= 0 {
                first.withLock { $0 = NetworkNamespace(adopting: inherited, named: "first") }
            }
            return try furnish()
        }
        let before = HostLimits.isOwnMachine ? try NetworkNamespace.current(named: "first") : nil
        guard clew_isolate() == 0 else { throw .last("namespaces of its own (root is needed)") }
        if let before { _ = fcntl(before.descriptor, F_SETFD, 0) }
        setenv(mark, "\(before?.descriptor ?? -1)", 1)
        var arguments: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        clew_exec("/proc/self/exe", &arguments, environ)
        throw .last("/proc/self/exe")
    }

    /// Of the descriptor of the first namespace, or -1: set between the fork and the new beginning.
    private static let mark = "CLEW_LAB_BEGINS"

    /// Forks and returns in the isolated child only; must come before the first thread, and what follows belongs on a
    /// thread of its own (``begin()``).
    package static func enter() throws(SystemError) {
        let before = HostLimits.isOwnMachine ? try NetworkNamespace.current(named: "first") : nil
        first.withLock { $0 = before }
        guard clew_isolate() == 0 else { throw .last("namespaces of its own (root is needed)") }
        try furnish()
    }

    private static func furnish() throws(SystemError) {
        mkdir("/run/netns", 0o755)
        guard clew_mount_tmpfs("/run/netns") == 0 else { throw .last("tmpfs on /run/netns") }
        setenv("CLEW_LAB_ISOLATED", "1", 1)
        useOwnLockFile("/run/netns/.xtables.lock")
    }

    /// Lets iptables-legacy take turns on a file that only this process and its children know, and that has no name.
    package static func useNamelessLockFile() throws(SystemError) {
        var path = Array("/tmp/clew-lab-XXXXXX".utf8CString)
        let descriptor = mkstemp(&path)
        guard descriptor >= 0 else { throw .last("a lock file in /tmp") }
        unlink(path)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        setenv("XTABLES_LOCKFILE", "/proc/\(getpid())/fd/\(descriptor)", 1)
    }

    /// Lets iptables-legacy take turns on a file that no other lab has.
    package static func useOwnLockFile(_ path: String) {
        let descriptor = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        if descriptor >= 0 { close(descriptor) }
        setenv("XTABLES_LOCKFILE", path, 1)
    }

    /// Whether network namespaces can be made here, else why not.
    package static var obstacle: String? {
        do throws(SystemError) {
            _ = try NetworkNamespace("probe")
            return nil
        } catch {
            return error.description
        }
    }
}
