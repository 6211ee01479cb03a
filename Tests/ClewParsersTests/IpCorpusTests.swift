import ClewBundle
import ClewNet
import ClewParsers
import ClewSnapshot
import Foundation
import Testing

/// Recorded nodes are read without a rest; published documents, most of them prose, lose no line that looks like an entry.
@Suite struct IpCorpusTests {
    private struct Reading {
        var values: Int
        var unread: [UnreadLine]
        var lines: Int

        init<Element>(_ list: ParsedList<Element>) {
            values = list.values.count
            unread = list.unread
            lines = list.lines
        }
    }

    private static let artifact = ArtifactID(rawValue: 3)

    /// Reads a file by what its name says, as `ip-addr.json` and `node1.ip_route.txt` do; `nil` for other files.
    private func read(_ url: URL) throws -> Reading? {
        let name = url.lastPathComponent.replacing("_", with: "-").replacing(/^node[0-9]+\./, with: "")
        let family: AddressFamily? = name.contains("-6-") ? .ipv6 : nil
        func bytes() throws -> [UInt8] { try SharedFolder.bytes(url) }
        if name.hasPrefix("ip-addr") || name.hasPrefix("ip-link") || name.hasPrefix("ip--d-link")
            || name.hasPrefix("ip--j-addr")
        {
            return Reading(IpLinkParser.parse(try bytes(), artifact: Self.artifact))
        }
        if name.hasPrefix("ip-route") || name.hasPrefix("ip-6-route") {
            return Reading(IpRouteParser.parse(try bytes(), artifact: Self.artifact, family: family))
        }
        if name.hasPrefix("ip-rule") || name.hasPrefix("ip-6-rule") {
            return Reading(IpRuleParser.parse(try bytes(), artifact: Self.artifact, family: family))
        }
        if name.hasPrefix("ip-neigh") { return Reading(IpNeighParser.parse(try bytes(), artifact: Self.artifact)) }
        if name.hasPrefix("bridge-fdb") { return Reading(BridgeFdbParser.parse(try bytes(), artifact: Self.artifact)) }
        if name.hasPrefix("bridge-d-link") {
            return Reading(BridgeLinkParser.parse(try bytes(), artifact: Self.artifact))
        }
        return nil
    }

    @Test func recordedKubeProxyNodes() throws {
        guard let folders = SharedFolder.entries("kube-proxy") else { return }
        var files = 0
        var values = 0
        for folder in folders where folder.hasDirectoryPath || !folder.lastPathComponent.contains(".") {
            for url in SharedFolder.entries("kube-proxy/" + folder.lastPathComponent) ?? [] {
                guard let reading = try read(url) else { continue }
                #expect(reading.unread.isEmpty, "\(url.path)")
                #expect(reading.values > 0, "\(url.path)")
                files += 1
                values += reading.values
            }
        }
        print("kube-proxy: \(files) files, \(values) values, 0 unread")
        #expect(files >= 250)
    }

    @Test func recordedLabNodes() throws {
        for folder in ["qemu", "uml", "cni"] {
            guard let urls = SharedFolder.entries("lab/recordings/" + folder) else { continue }
            var files = 0
            for url in urls where url.pathExtension == "txt" {
                guard let reading = try read(url) else { continue }
                #expect(reading.unread.isEmpty, "\(url.path)")
                #expect(reading.values > 0, "\(url.path)")
                files += 1
            }
            #expect(files > 0)
            print("lab/recordings/\(folder): \(files) files, 0 unread")
        }
    }

    /// The two forms of one command on one node say the same.
    @Test func textAndJSONOfOneNodeAgree() throws {
        for folder in ["qemu", "uml"] {
            guard let urls = SharedFolder.entries("lab/recordings/" + folder) else { continue }
            for json in urls where json.lastPathComponent.hasSuffix(".ip__j_addr.txt") {
                let text = json.deletingLastPathComponent()
                    .appending(path: json.lastPathComponent.replacing("ip__j_addr", with: "ip_addr"))
                let fromText = IpLinkParser.parse(try SharedFolder.bytes(text), artifact: Self.artifact).values
                let fromJSON = IpLinkParser.parse(try SharedFolder.bytes(json), artifact: Self.artifact).values
                #expect(!fromText.isEmpty)
                #expect(fromText.map(essence) == fromJSON.map(essence), "\(json.path)")
            }
        }
    }

    /// What both forms of `ip addr` tell of a device.
    private func essence(_ link: Link) -> [String] {
        let addresses = link.addresses.map { address in
            "\(address.address) \(address.scope) \(address.peer?.description ?? "-") "
                + "\(address.broadcast?.description ?? "-") \(address.isSecondary)"
        }
        return [
            "\(link.index) \(link.name) \(link.mtu) \(link.mac?.description ?? "-") \(link.kind) \(link.isUp)",
            "\(String(describing: link.hasCarrier)) \(link.isLoopback) \(link.isNoARP) \(link.master ?? "-")",
            "\(link.peerIndex ?? 0) \(link.lowerName ?? "-")",
        ] + addresses
    }

    /// Reads the files of a folder of published documents as one format.
    private func corpus(_ folder: String, only part: String = "", _ read: ([UInt8]) -> Reading) throws -> Reading? {
        guard let urls = SharedFolder.entries("corpus/" + folder) else { return nil }
        var total = Reading(ParsedList<Int>())
        for url in urls where part.isEmpty || url.lastPathComponent.contains(part) {
            let reading = read(try SharedFolder.bytes(url))
            #expect(reading.unread.allSatisfy { 1...UInt32(reading.lines) ~= $0.source.line }, "\(url.path)")
            total.values += reading.values
            total.unread += reading.unread
            total.lines += reading.lines
        }
        print("corpus/\(folder)\(part): \(total.values) values, \(total.unread.count) notes on \(total.lines) lines")
        return total
    }

    /// Unread lines that have the form of an entry; those whose entry was kept, with a word noted, do not count.
    private func missed(_ reading: Reading, _ form: some RegexComponent) -> [UnreadLine] {
        reading.unread.filter { $0.text.contains(form) && !$0.reason.contains("is no word of") }
    }

    @Test func publishedDevices() throws {
        guard let addresses = try corpus("ip", { Reading(IpLinkParser.parse($0, artifact: Self.artifact)) }),
            let links = try corpus("ip-link-addr", { Reading(IpLinkParser.parse($0, artifact: Self.artifact)) })
        else { return }
        #expect(addresses.unread.isEmpty && addresses.values == 1)
        #expect(links.values >= 75)
        #expect(missed(links, /^\s*[0-9]+: \S+: </).isEmpty)
        #expect(links.unread.count <= 1600)
    }

    @Test func publishedRoutes() throws {
        func parse(_ bytes: [UInt8]) -> Reading {
            Reading(IpRouteParser.parse(bytes, artifact: Self.artifact, family: nil))
        }
        guard let routes = try corpus("ip-route", parse) else { return }
        #expect(routes.values >= 175)
        #expect(missed(routes, /^\s*(default|[0-9.]+\/[0-9]+) +(via +[0-9.]+ +)?dev +[a-z0-9]+/).isEmpty)
        #expect(routes.unread.count <= 1600)
        // Names of hosts, as `route` prints without `-n`, and IPv4 in a table of IPv6.
        for (name, unread) in [("route-6.out", 8), ("route-vn.out", 0), ("ip_route.out", 0)] {
            let reading = try #require(try corpus("jc-fixtures", only: name, parse))
            #expect(reading.unread.count == unread && reading.values > 0, "\(name)")
        }
    }

    @Test func publishedRulesAndForwardingEntries() throws {
        guard
            let rules = try corpus(
                "ip-rule", { Reading(IpRuleParser.parse($0, artifact: Self.artifact, family: nil)) }),
            let entries = try corpus("bridge-fdb", { Reading(BridgeFdbParser.parse($0, artifact: Self.artifact)) })
        else { return }
        #expect(rules.values == 47)
        // A table with a name of its node's own.
        #expect(missed(rules, /[0-9]+:\s+(not )?from/).map(\.text).count { $0.contains("lookup eni-1") } == 1)
        #expect(missed(rules, /[0-9]+:\s+(not )?from/).count == 1)
        #expect(entries.values == 12)
        #expect(missed(entries, /^\s*([0-9a-f]{2}:){5}[0-9a-f]{2} dev/).isEmpty)
    }
}
