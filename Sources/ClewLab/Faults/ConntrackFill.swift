import ClewNet
import Glibc

/// The maximum of conntrack entries, which is one for all namespaces of a kernel, and only the first of them may set.
///
/// It is changed where the kernel is the lab's own alone, in a virtual machine, and nowhere else.
package enum HostLimits {
    /// Set by the virtual machine's start script.
    package static var isOwnMachine: Bool { getenv("CLEW_LAB_MACHINE") != nil }

    /// Enough for all that a lab's other nodes remember of its probes.
    private static let maximum = 12_000

    /// Lowers it, once; what it is now.
    static func lowerConntrackMaximum() throws(SystemError) -> Int {
        guard isOwnMachine else { throw .unusable("the maximum of conntrack entries belongs to the whole machine") }
        guard let first = Isolation.firstNamespace else { throw .unusable("the first network namespace is not known") }
        try first.setSysctl("net/netfilter/nf_conntrack_max", "\(maximum)")
        return maximum
    }

    /// Puts it back, so that the next lab has room.
    package static func restoreConntrackMaximum() throws(SystemError) {
        guard isOwnMachine, let first = Isolation.firstNamespace else { return }
        try first.setSysctl("net/netfilter/nf_conntrack_max", "262144")
    }
}

/// Makes conntrack entries of connections that are nobody's, over ctnetlink.
enum ConntrackFill {
    /// Adds that many established TCP connections to the calling thread's namespace.
    static func add(_ count: Int) throws(SystemError) {
        var lines: [String] = []
        for number in 0..<count {
            let client = IPAddress(v4: 0x0AC8_0000 + UInt32(number / 50_000))
            let port = 1024 + number % 50_000
            lines.append(
                "-I -p tcp -s \(client) -d 10.201.0.1 --sport \(port) --dport 443 "
                    + "--state ESTABLISHED -u SEEN_REPLY,ASSURED -t 3600")
        }
        let text = lines.joined(separator: "\n") + "\n"
        // A file, since conntrack reads each line of one as its arguments.
        let folder = try TemporaryFolder("conntrack")
        let path = "\(folder.path)/entries"
        guard let file = fopen(path, "w") else { throw .last(path) }
        fputs(text, file)
        fclose(file)
        try Command(["conntrack", "--load-file", path], timeout: .seconds(120)).run().output()
    }
}
