import ClewBundle
import ClewCollector
import ClewExchange
import ClewKubeProxy
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Foundation
import Testing

/// No name gets through a redaction, not even one that is a word of the formats.
///
/// Of each bundle two more are made that differ from it only in what its objects are called: in one these are strings
/// that occur nowhere else, in the other words of the formats and of plain English. Of the first nothing is left, in no
/// encoding and no hash. And what becomes of the three differs in pseudonyms only: so a word that is left means what it
/// means in the one that has no such name.
@Suite("Redaction lets no name through", .timeLimit(.minutes(20))) struct RedactionProofTests {
    private static let key: [UInt8] = Array(1...16)

    /// What docs/redact.md lists: names that every cluster has, and names of ports that say the protocol.
    private static let publicNames: Set<String> = [
        "", "default", "kube-system", "kube-public", "kube-node-lease", "kubernetes", "kube-dns", "coredns",
        "kube-proxy", "kube-flannel", "kube-flannel-ds", "flannel", "calico-node", "calico-system", "http", "https",
        "grpc", "dns", "dns-tcp", "metrics", "tcp", "udp",
    ]

    /// Words of rules, routes, listings, objects, comments and logs, each of which some cluster has a name of.
    private static let words: [String] = """
        ingress router local invalid filter nat accept drop jump name node pod port service type status app legacy tool
        cluster internal net svc dev via lookup table chain set comment endpoints external has list config iptables ipvs
        ss ip established new related state mark masquerade snat dnat forward input output postrouting prerouting
        reject return log limit mangle raw route link scope kernel static proto src dst sport dport bridge vxlan master
        metric cache data items kind spec metadata labels selector address addresses protocol failed error warning info
        started stopped default-deny web db api test prod dev-1 worker client server main all any none true-up host
        hostname conntrack counter bytes packets element elements map vmap goto hook priority policy family inet flags
        timeout interval type-of size hash random probability statistic nth every recent match tcp-flags syn ack fin
        load balancer loadbalancer nodeport clusterip kubelet proxy firewall rules for traffic last must this reason
        missing command seconds stderr artifacts collected nft ipset sysctl up down unknown permanent reachable stale
        io com org uid 100 8080 2024 4711 2024-01 v2 10m ready serving terminating zone hints ports targets number yes no is was as and or not the to
        """.split(whereSeparator: \.isWhitespace).map(String.init).reduce(into: []) { words, word in
            if !words.contains(word) { words.append(word) }
        }

    private static func objectNames(_ snapshot: ClusterSnapshot) -> [String] {
        let objects = snapshot.objects
        var names: Set<String> = []
        names.formUnion(objects.nodes.map(\.name) + snapshot.nodes.map(\.name))
        names.formUnion(objects.pods.flatMap { [$0.name.namespace, $0.name.name] })
        names.formUnion(objects.services.flatMap { [$0.name.namespace, $0.name.name] + $0.ports.map(\.name) })
        names.formUnion(objects.endpointSlices.map(\.name.name))
        return names.subtracting(publicNames).sorted()
    }

    private func holds(
        _ original: SupportBundle, _ path: String, isThorough: Bool = false, askingVerdicts: Bool = true,
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        let snapshot = ClusterSnapshot(parsing: original, nodeName: nil)
        let objects = snapshot.objects
        let names = Self.objectNames(snapshot)
        try #require(names.count > 2, "\(path)")
        let unique = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, "zqxvk\($0)w") })
        // Options of one letter are words of the formats too.
        let ambiguous = Set(Self.words).union(["web", "two", "one"]).union(names.filter { $0.count < 2 })
        let plain = BundleRenaming(unique, ambiguous: ambiguous, of: objects)
        let harmless = plain.renamed(original)
        let harmlessSnapshot = ClusterSnapshot(parsing: harmless, nodeName: nil)
        let own = Self.objectNames(harmlessSnapshot)
        #expect(Self.shape(harmlessSnapshot.objects) == Self.shape(objects), "\(path)", sourceLocation: location)
        #expect(own.allSatisfy { $0.hasPrefix("zqxvk") }, "\(path)")

        let of = try [harmless, original].map { try Redaction.redacted($0, key: Self.key) }
        nothingIsLeft(of[0].bundle, own, plain.hashes, path, location)
        nothingIsLeft(of[1].bundle, [], plain.hashes, path, location)
        let reference = CanonicalBundle(of[0], names: [:], hashes: [:])
        let inOriginal = CanonicalBundle(of[1], names: unique, hashes: plain.hashes)
        #expect(inOriginal.differences(from: reference) == [], "\(path)", sourceLocation: location)

        // Every word is somebody's name in one round at least.
        for round in 0..<(isThorough ? (Self.words.count + own.count - 1) / own.count : 1) {
            let start = isThorough ? round * own.count : path.utf8.reduce(0) { $0 + Int($1) }
            let chosen = Dictionary(
                uniqueKeysWithValues: own.enumerated().map { number, name in
                    let word = Self.words[(start + number) % Self.words.count]
                    let turn = number / Self.words.count
                    return (name, turn == 0 ? word : "\(word)-\(Self.words[turn])")
                })
            let worst = BundleRenaming(chosen, ambiguous: [], of: harmlessSnapshot.objects)
            try holds(worst, chosen, harmless, reference, "\(path), round \(round)", askingVerdicts, location)
        }
    }

    /// Of a bundle whose objects are called as words of the formats are.
    private func holds(
        _ renaming: BundleRenaming, _ chosen: [String: String], _ harmless: SupportBundle,
        _ reference: CanonicalBundle, _ path: String, _ askingVerdicts: Bool, _ location: SourceLocation
    ) throws {
        let tricky = renaming.renamed(harmless)
        let before = ClusterSnapshot(parsing: tricky, nodeName: nil)
        let redacted = try Redaction.redacted(tricky, key: Self.key)
        let after = ClusterSnapshot(parsing: redacted.bundle, nodeName: nil)
        #expect(Self.shape(after.objects) == Self.shape(before.objects), "\(path)", sourceLocation: location)
        let unread = after.unread.map { "\(after.describe($0.source)): \($0.text)" }
        #expect(unread.count == before.unread.count, "\(path): \(unread.prefix(3))", sourceLocation: location)
        nothingIsLeft(redacted.bundle, [], renaming.hashes, path, location)
        let canonical = CanonicalBundle(
            redacted, names: Dictionary(uniqueKeysWithValues: chosen.map { ($1, $0) }),
            hashes: Dictionary(renaming.hashes.map { ($1, $0) }, uniquingKeysWith: { one, _ in one }))
        #expect(canonical.differences(from: reference) == [], "\(path)", sourceLocation: location)

        guard askingVerdicts else { return }
        let folder = try TemporaryFolder()
        let paths = (folder.path + "/before.tar", folder.path + "/after.tar")
        for (bundle, path) in [(tricky, paths.0), (redacted.bundle, paths.1)] {
            _ = try BundleWriter.write(bundle, to: path, packing: .none, replacing: false, time: 0)
        }
        let mapping = Mapping(redacted.report.pairs.map { "\($0.kind)\t\($0.original)\t\($0.pseudonym)\n" }.joined())
        let questions = Verdicts.questions(before)
        let renamed = questions.map {
            Verdicts.Question(from: mapping.renamed($0.from), to: mapping.renamed($0.to))
        }
        let (own, others) = (try Verdicts(of: paths.0, asking: questions), try Verdicts(of: paths.1, asking: renamed))
        #expect(own.differences(from: others, asking: questions) == [], "\(path)", sourceLocation: location)
    }

    private static func shape(_ objects: KubernetesObjects) -> [Int] {
        [
            objects.nodes.count, objects.pods.count, objects.services.count, objects.endpointSlices.count,
            objects.services.reduce(0) { $0 + $1.ports.count },
        ]
    }

    /// Neither the names that occur nowhere else, in any form, nor a hash that was made of the names that were.
    private func nothingIsLeft(
        _ bundle: SupportBundle, _ names: [String], _ hashes: [String: String], _ path: String,
        _ location: SourceLocation
    ) {
        let text = bundle.artifacts.map { $0.path + "\n" + String(decoding: $0.bytes, as: UTF8.self) }.joined()
        let small = text.lowercased()
        if !names.isEmpty {
            // As it is, reversed, and both in hexadecimal.
            let forms = ["zqxvk", "kvxqz", "7a7178766b", "6b7678717a"].filter { small.contains($0) }
            #expect(forms == [], "\(path)", sourceLocation: location)
            var encoded: Set<String> = []
            for name in names {
                for shift in 0..<3 {
                    // What surely comes of the name's bytes wherever they stand in what is encoded.
                    let bytes = Array(repeating: UInt8(0), count: shift) + Array(name.utf8)
                    let whole = Data(bytes).base64EncodedString().filter { $0 != "=" }
                    encoded.insert(String(whole.dropFirst(shift == 0 ? 0 : shift + 1).dropLast(1)))
                }
            }
            let left = encoded.filter { $0.count > 3 && text.contains($0) }
            #expect(left == [], "\(path): base64", sourceLocation: location)
        }
        var runs: Set<Substring> = []
        for word in text.split(whereSeparator: { !$0.isASCII || !($0.isLetter || $0.isNumber) }) { runs.insert(word) }
        let left = hashes.filter { $0.key != $0.value }.keys.filter {
            runs.contains($0[...]) || runs.contains($0.prefix(8))
        }
        #expect(left == [], "\(path): hashes of names", sourceLocation: location)
    }

    // MARK: - Bundles

    @Test(arguments: ["bridge-nf-off", "bridge-nf-on", "calico-two-nodes", "flannel-forward-drop", "ipvs-cluster-cidr"])
    func examples(name: String) throws {
        let path = SharedData.packageRoot + "/Examples/" + name
        try holds(try BundleReader.read(path: path), path, isThorough: name == "bridge-nf-on")
    }

    private static let corpus = SharedData.packageRoot + "/Tests/Corpus/"
    private static let ofTheLab: [String] = {
        let ipvs = (try? FileManager.default.contentsOfDirectory(atPath: corpus + "lab-ipvs")) ?? []
        return ["lab-rules/bridge-hostgw-dual-legacy", "lab-rules/routed-nft"]
            + ipvs.filter { $0.hasSuffix(".tar.zst") }.sorted().map { "lab-ipvs/" + $0 }
    }()

    @Test(arguments: ofTheLab) func bundlesOfTheLab(name: String) throws {
        try holds(
            try BundleReader.read(path: Self.corpus + name), name,
            askingVerdicts: name.contains("rules") || name.contains("healthy"))
    }

    @Test func theLabHasBundles() { #expect(Self.ofTheLab.count > 5) }

    /// The folder of every kind of Service; all of them take minutes without optimisation: `CLEW_SCALE` asks for them.
    private static let recorded: [String] = {
        let all = SharedData.folders("kube-proxy", for: "redaction of recorded nodes").filter {
            !$0.contains("/m-") && !$0.contains("partial-sync")
        }
        if ProcessInfo.processInfo.environment["CLEW_SCALE"] != nil { return all }
        let some = all.filter { $0.contains("/z-mixed--") }
        if some.count < all.count {
            print("SKIP redaction of \(all.count - some.count) recorded nodes: set CLEW_SCALE to redact them too")
        }
        return some
    }()

    @Test(arguments: recorded) func recordedNodes(folder: String) throws {
        try holds(SharedData.bundle(withObjects: folder), folder, askingVerdicts: folder.contains("/z-mixed--"))
    }
}
