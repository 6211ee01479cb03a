import ClewDiagnostics
import Foundation
import Testing

/// Settings and limits of a node's kernel.
@Suite struct KernelChecksTests {
    private static let files = "/etc/sysctl.d/k8s.conf:net.ipv4.ip_forward = 1\n"

    static let cases: [CheckCase] = [
        .fires("SYS001", "forwarding is off") {
            $0.replace("net.ipv4.ip_forward = 1", "net.ipv4.ip_forward = 0", in: "nodes/worker-a/sysctl.txt")
            $0.replace(".forwarding = 1", ".forwarding = 0", in: "nodes/worker-a/sysctl.txt")
        },
        .quiet("SYS001", "forwarding of a device nobody uses is off") {
            $0.append("net.ipv4.conf.wlan0.forwarding = 0", to: "nodes/worker-a/sysctl.txt")
        },
        .fires("SYS002", "a later file turns forwarding off") {
            $0.add("sysctl-files.txt", files + "/usr/lib/sysctl.d/zz-hardening.conf:net/ipv4/ip_forward=0")
        },
        .quiet("SYS002", "a file of the same name in /etc hides the distribution's") {
            $0.add(
                "sysctl-files.txt",
                "/usr/lib/sysctl.d/90.conf:net.ipv4.ip_forward = 0\n/etc/sysctl.d/90.conf:net.ipv4.ip_forward = 1")
        },
        .quiet("SYS002", "an earlier file turns it off") {
            $0.add("sysctl-files.txt", "/usr/lib/sysctl.d/00-system.conf:net.ipv4.ip_forward=0\n" + files)
        },
        .fires("SYS003", "one device does not forward") {
            $0.replace(
                "net.ipv4.conf.cni0.forwarding = 1", "net.ipv4.conf.cni0.forwarding = 0",
                in: "nodes/worker-b/sysctl.txt")
        },
        .quiet("SYS003", "all forward"),
        .fires("SYS005", "the kernel says that its table is full") {
            $0.add("dmesg.txt", "[1234.5] neighbour: arp_cache: neighbor table overflow!")
        },
        .quiet("SYS005", "a neighbour is spoken of, and no overflow") {
            $0.add("dmesg.txt", "[1234.5] neighbour: ndisc_cache: something else")
        },
        .fires("SYS006", "tcp_tw_recycle is on") {
            $0.append("net.ipv4.tcp_tw_recycle = 1", to: "nodes/worker-a/sysctl.txt")
        },
        .quiet("SYS006", "tcp_tw_recycle is off") {
            $0.append("net.ipv4.tcp_tw_recycle = 0", to: "nodes/worker-a/sysctl.txt")
        },
        .fires("SYS007", "a NodePort is in the range") {
            $0.replace("32768\t60999", "1024\t65535", in: "nodes/worker-a/sysctl.txt")
            $0.replace("    - name: http\n", "    - name: http\n      nodePort: 30022\n", in: "cluster/objects.yaml")
        },
        .quiet("SYS007", "NodePorts are reserved") {
            $0.replace("32768\t60999", "1024\t65535", in: "nodes/worker-a/sysctl.txt")
            $0.append("net.ipv4.ip_local_reserved_ports = 30000-32767", to: "nodes/worker-a/sysctl.txt")
            $0.replace("    - name: http\n", "    - name: http\n      nodePort: 30022\n", in: "cluster/objects.yaml")
        },
        .fires("SYS008", "nine of ten ports are taken") {
            $0.replace("32768\t60999", "40000\t40009", in: "nodes/worker-a/sysctl.txt")
            $0.add("ss-all.txt", connections(to: "10.0.0.9:443", 9))
        },
        .quiet("SYS008", "as many connections, to several servers") {
            $0.replace("32768\t60999", "40000\t40009", in: "nodes/worker-a/sysctl.txt")
            $0.add("ss-all.txt", connections(to: "10.0.0.9:443", 5) + connections(to: "10.0.0.8:443", 4))
        },
        .fires("SYS010", "IPv6 is off where pods have it") {
            $0.replace(
                "    - 10.244.1.0/24\n", "    - 10.244.1.0/24\n    - fd00:10:244:1::/64\n", in: "cluster/objects.yaml")
            $0.append("net.ipv6.conf.all.disable_ipv6 = 1", to: "nodes/worker-a/sysctl.txt")
        },
        .quiet("SYS010", "IPv6 is off where nobody has it") {
            $0.append("net.ipv6.conf.all.disable_ipv6 = 1", to: "nodes/worker-a/sysctl.txt")
        },
        .fires("SYS012", "errors grow") {
            $0.add("ip-link-stats-1.txt", statistics(errors: 3))
            $0.add("ip-link-stats-2.txt", statistics(errors: 9))
        },
        .quiet("SYS012", "errors are old") {
            $0.add("ip-link-stats-1.txt", statistics(errors: 9))
            $0.add("ip-link-stats-2.txt", statistics(errors: 9))
        },
        .fires("SYS018", "sockets are tuned and conntrack is full of TIME_WAIT") {
            $0.replace("nf_conntrack_max = 262144", "nf_conntrack_max = 10", in: "nodes/worker-a/sysctl.txt")
            $0.append("net.ipv4.tcp_fin_timeout = 15", to: "nodes/worker-a/sysctl.txt")
            $0.add("conntrack.txt", timeWait(9))
        },
        .quiet("SYS018", "conntrack has room") {
            $0.append("net.ipv4.tcp_fin_timeout = 15", to: "nodes/worker-a/sysctl.txt")
            $0.add("conntrack.txt", timeWait(9))
        },
        .fires("SYS019", "there is no overlay file system") {
            $0.add("proc-modules.txt", "br_netfilter 32768 0 - Live 0x0")
            $0.add("sys-module.txt", "br_netfilter\nbridge")
            $0.add("journal-services.txt", "containerd: overlayfs is not supported")
        },
        .quiet("SYS019", "it is built in") {
            $0.add("proc-modules.txt", "br_netfilter 32768 0 - Live 0x0")
            $0.add("sys-module.txt", "br_netfilter\nbridge")
            $0.add("modules-builtin.txt", "kernel/fs/overlayfs/overlay.ko")
        },
    ]

    private static func connections(to server: String, _ count: Int) -> String {
        (0..<count).map { "tcp   ESTAB 0      0      192.168.50.11:\(40000 + $0)   \(server)" }.joined(separator: "\n")
            + "\n"
    }

    private static func statistics(errors: Int) -> String {
        """
        2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP mode DEFAULT group default qlen 1000
            link/ether 52:54:00:32:00:0b brd ff:ff:ff:ff:ff:ff
            RX:  bytes packets errors dropped  missed   mcast
              12345678   12345      \(errors)      77       0       0
            RX errors:  length    crc   frame    fifo overrun
                             0      0       0       0       0
            TX:  bytes packets errors dropped carrier collsns
               7654321    7654      0       0       0       0
        """
    }

    private static func timeWait(_ count: Int) -> String {
        (0..<count).map {
            "ipv4     2 tcp      6 100 TIME_WAIT src=10.244.1.5 dst=10.0.0.9 sport=\(40000 + $0) dport=80 "
                + "src=10.0.0.9 dst=10.244.1.5 sport=80 dport=\(40000 + $0) [ASSURED] mark=0 use=1"
        }.joined(separator: "\n")
    }

    @Test(arguments: cases) func kernel(_ test: CheckCase) { test.check() }
}

/// What keeps a setting over a reboot is a line in a file, however often it is written.
@Suite struct PersistenceCommandTests {
    /// Runs a command with Clew's file in another place, and `sysctl` replaced.
    private func run(_ command: String, _ file: String) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        let text = command.replacing("/etc/sysctl.d/99-zz-clew-k8s.conf", with: file).replacing(
            "sysctl -p", with: "test -f")
        process.arguments = ["-c", text]
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }

    @Test func aSettingIsWrittenOnce() throws {
        let run = CheckCase.fires("SYS003", "a device with a dot in its name does not forward") {
            $0.replace(
                "net.ipv4.conf.cni0.forwarding = 1", "net.ipv4.conf.cni0.forwarding = 0",
                in: "nodes/worker-b/sysctl.txt")
        }.run()
        let command = try #require(run.findings.first { $0.check.code == "SYS003" }?.fixes.first?.commands.first)
        let persist = try #require(command.persist)
        let file = NSTemporaryDirectory() + "clew-persist-\(UUID().uuidString).conf"
        defer { try? FileManager.default.removeItem(atPath: file) }
        try "net.ipv4.ip_forward = 1\n".write(toFile: file, atomically: true, encoding: .utf8)
        #expect(try self.run(persist, file) == 0)
        #expect(try self.run(persist, file) == 0)
        let text = try String(contentsOfFile: file, encoding: .utf8)
        #expect(text == "net.ipv4.ip_forward = 1\nnet.ipv4.conf.cni0.forwarding = 1\n")
    }
}
