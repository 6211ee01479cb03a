import Foundation
import Glibc

/// A machine with kernel modules that the running kernel may lack, such as `ip_vs` and `ipip`.
///
/// It is user-mode Linux as Debian packages it (`user-mode-linux`): a kernel that runs as an ordinary process, without
/// hardware support, and boots in two seconds. Its root is this system's own, seen through hostfs below an overlay in
/// memory: it runs the very same programs, this one included, and writes nothing but the folder for results.
package struct VirtualMachine: Sendable {
    /// The kernel's program, `linux.uml`.
    package let kernel: String
    /// The folder of its modules; the last part is the kernel's release.
    package let modules: String

    package var release: String { String(modules.split(separator: "/").last ?? "") }

    /// The packages of Debian that the machine and IPVS need.
    package static let packages = ["user-mode-linux", "kmod", "ipvsadm", "ipset", "iptables", "iproute2"]
    static let programs = ["linux.uml", "modprobe", "pivot_root", "ipvsadm", "ipset", "iptables-legacy-restore", "ip"]

    /// Finds what is installed; the error names what is missing.
    package init() throws(SystemError) {
        let missing = Self.programs.filter { Command.path(of: $0) == nil }
        guard missing.isEmpty, let kernel = Command.path(of: "linux.uml") else {
            throw .unusable("not installed: \(missing.joined(separator: ", "))")
        }
        let folder = "/usr/lib/uml/modules"
        let releases = (try? FileManager.default.contentsOfDirectory(atPath: folder))?.sorted() ?? []
        guard let release = releases.last else { throw .unusable("no modules in \(folder)") }
        self.kernel = kernel
        modules = "\(folder)/\(release)"
    }

    /// Finds it, and installs Debian's packages first where they are missing, this is root, and `apt-get` is there.
    package static func installed() throws(SystemError) -> VirtualMachine {
        do throws(SystemError) {
            return try VirtualMachine()
        } catch {
            guard geteuid() == 0, Command.path(of: "apt-get") != nil else { throw error }
        }
        let environment = ["DEBIAN_FRONTEND": "noninteractive"]
        _ = try Command(["apt-get", "update"], timeout: .seconds(120), environment: environment).run()
        let install = ["apt-get", "install", "-y", "--no-install-recommends"] + packages
        try Command(install, timeout: .seconds(300), environment: environment).run().output()
        return try VirtualMachine()
    }

    // MARK: - Running

    /// How a run ended.
    package struct Outcome: Sendable {
        /// The exit code of the command; nil if the machine ended before it.
        package var exitCode: Int32?
        /// What the command wrote to both outputs.
        package var text: String
        package var duration: Duration
    }

    /// Boots, runs one command as root to its end, and powers off.
    ///
    /// The command sees this system's files; what it writes is gone afterwards, but for files in `results`, a folder
    /// that is there. `scratch` is a folder for the machine's memory and its own files, best in memory; it stays.
    package func run(
        _ words: [String], results: String, scratch: String, megabytes: Int = 768, timeout: Duration = .seconds(300)
    ) throws(SystemError) -> Outcome {
        let script = "\(scratch)/init"
        let code = "\(scratch)/exit-code"
        guard
            FileManager.default.createFile(
                atPath: script, contents: Data(start(words, results, scratch).utf8),
                attributes: [.posixPermissions: 0o755])
        else { throw .unusable("\(script) cannot be written") }
        let command = [
            kernel, "mem=\(megabytes)M", "rootfstype=hostfs", "rootflags=/", "ro", "init=\(script)", "umid=machine",
            "uml_dir=\(scratch)", "con=null", "con0=null,fd:1", "quiet", "loglevel=1",
        ]
        let result = try Command(command, timeout: timeout, environment: ["TMPDIR": scratch]).run()
        let bytes = FileManager.default.contents(atPath: code) ?? Data()
        let number = String(decoding: bytes, as: UTF8.self).filter { $0 != "\n" }
        return Outcome(exitCode: Int32(number), text: Self.text(result), duration: result.duration)
    }

    /// The console's text without the carriage returns of a terminal and the kernel's last words.
    private static func text(_ result: CommandResult) -> String {
        let text = String(decoding: result.standardOutput.filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).drop { $0.isEmpty }
        return lines.filter { $0 != "sysrq: Power Off" && $0 != "reboot: Power down" }.joined(separator: "\n")
    }

    /// Modules that the kernel does not load by itself when they are asked for.
    private static let preloaded = [
        "ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_sh", "ipip", "dummy", "veth", "bridge", "br_netfilter", "vxlan",
        "ipv6",
        "nf_conntrack", "nf_conntrack_netlink", "ip_set", "iptable_nat", "iptable_filter", "iptable_mangle",
        "iptable_raw", "nfnetlink_log", "tun",
    ]

    /// The script of process 1: the overlay becomes the root of all, then the command runs.
    private func start(_ words: [String], _ results: String, _ scratch: String) -> String {
        let folder = FileManager.default.currentDirectoryPath
        return """
            #!/bin/sh
            export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root CLEW_LAB_MACHINE=1
            mount -t proc proc /proc
            insmod \(modules)/kernel/fs/overlayfs/overlay.ko
            mount -t tmpfs tmpfs /mnt
            mkdir /mnt/upper /mnt/work /mnt/root
            mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
            cd /mnt/root
            mount -t proc proc proc; mount -t sysfs sysfs sys; mount -t devtmpfs devtmpfs dev; mount -t tmpfs tmpfs run
            mkdir -p lib/modules old run/results run/machine run/netns
            ln -sfn \(modules) lib/modules/\(release)
            pivot_root . old
            exec chroot . /bin/sh -c '
            mount -t hostfs none /run/machine -o "$2"
            mount -t hostfs none /run/results -o "$1"
            cd "$3" || cd /
            shift 3
            for module in \(Self.preloaded.joined(separator: " ")); do modprobe -q $module; done
            ip link set lo up
            "$@"
            echo $? > /run/machine/exit-code
            sync
            echo o > /proc/sysrq-trigger
            sleep 60
            ' sh \(([results, scratch, folder] + words).map(Self.quoted).joined(separator: " ")) </dev/null 2>&1

            """
    }

    private static func quoted(_ word: String) -> String {
        "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
