import ClewLab
import Glibc

// A reader that goes away (`clew-lab … | head`) is noticed as a failed write, and ends no process.
signal(SIGPIPE, SIG_IGN)
do throws(SystemError) {
    try Isolation.enter()
    let node = try NetworkNamespace("node")
    try node.ip(["link set lo up"])
    print(try node.run("ip", "addr"))
} catch {
    print(error)
}
