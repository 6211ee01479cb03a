import ClewLab
import ClewNet
import Glibc
import Testing

/// What the lab needs of Linux, on the kernel that runs the tests.
@Suite(.serialized) struct SystemTests {
    static let canMakeNamespaces: Bool = {
        guard let obstacle = Isolation.obstacle else { return true }
        print("SKIP: no network namespaces here: \(obstacle)")
        return false
    }()

    @Test func commandsReadWriteAndEnd() throws {
        let long = String(repeating: "clew ", count: 100_000)
        let result = try Command(["sh", "-c", "cat; echo wrong >&2; exit 3"], input: long).run()
        #expect(result.outputText == long)
        #expect(result.errorText == "wrong\n")
        #expect(result.status == .exited(3))
        #expect(throws: SystemError.self) { try result.output() }
    }

    @Test func aCommandThatHangsIsKilledWithItsChildren() throws {
        let command = Command(["sh", "-c", "sleep 1000 & echo $!; wait"], timeout: .milliseconds(300))
        #expect(throws: SystemError.self) { try command.run() }
        let left = try Command(["pgrep", "-x", "-P", "\(getpid())", "sh"]).run()
        #expect(left.outputText == "")
    }

    @Test(.enabled(if: canMakeNamespaces)) func namespacesAreApartAndGoWithTheirValue() throws {
        let outer = try NetworkNamespace.current()
        let before = try outer.sysctl("net.ipv4.ip_forward")
        do {
            let (a, b) = (try NetworkNamespace("a"), try NetworkNamespace("b"))
            try a.ip(["link set lo up", "link add clewtest0 type veth peer name eth0 netns \(b.path)"])
            try a.setSysctl("net/ipv4/ip_forward", "1")
            try b.setSysctl("net.ipv4.ip_forward", "0")
            #expect(try a.sysctl("net.ipv4.ip_forward") == "1")
            #expect(try b.sysctl("net.ipv4.ip_forward") == "0")
            #expect(try b.run("ip", "-br", "link").contains("eth0"))
            #expect(try !outer.run("ip", "-br", "link").contains("clewtest0"))
        }
        #expect(try outer.sysctl("net.ipv4.ip_forward") == before)
    }

    @Test(.enabled(if: canMakeNamespaces)) func aSocketStaysInTheNamespaceItWasOpenedIn() throws {
        let a = try NetworkNamespace("a")
        try a.ip(["link set lo up", "addr add 10.9.8.7/32 dev lo"])
        let address = IPAddress(v4: 10, 9, 8, 7)
        let socket = try a.socket(AF_INET, 2)
        try socket.bind(address, 0)
        let own = try Socket(AF_INET, 2)
        #expect(throws: SystemError.self) { try own.bind(address, 0) }
    }
}
