import ArgumentParser

/// One node's files, each given with an option of its own, where there is no bundle.
struct SingleFileOptions: ParsableArguments {
    @Option(help: file("iptables-save"), completion: .file()) var iptablesSave: String?
    @Option(help: file("iptables-legacy-save"), completion: .file()) var iptablesLegacySave: String?
    @Option(help: file("iptables-nft-save"), completion: .file()) var iptablesNftSave: String?
    @Option(name: .customLong("ip6tables-save"), help: file("ip6tables-save"), completion: .file())
    var ip6tablesSave: String?
    @Option(name: .customLong("ip6tables-legacy-save"), help: file("ip6tables-legacy-save"), completion: .file())
    var ip6tablesLegacySave: String?
    @Option(name: .customLong("ip6tables-nft-save"), help: file("ip6tables-nft-save"), completion: .file())
    var ip6tablesNftSave: String?
    @Option(help: file("nft [-j] list ruleset"), completion: .file()) var nftListRuleset: String?
    @Option(help: file("ebtables-save"), completion: .file()) var ebtablesSave: String?
    @Option(help: file("tc filter show"), completion: .file()) var tcFilter: String?
    @Option(help: file("bpftool -j net"), completion: .file()) var bpfNet: String?
    @Option(help: file("ip xfrm policy"), completion: .file()) var xfrm: String?
    @Option(help: file("ipset save"), completion: .file()) var ipsetSave: String?
    @Option(help: file("ipvsadm -Sn"), completion: .file()) var ipvsadmSave: String?
    @Option(help: file("ipvsadm -ln"), completion: .file()) var ipvsadmList: String?
    @Option(help: file("ip addr"), completion: .file()) var ipAddr: String?
    @Option(help: file("ip -d link"), completion: .file()) var ipLink: String?
    @Option(help: file("ip route show table all"), completion: .file()) var ipRoute: String?
    @Option(name: .customLong("ip-6-route"), help: file("ip -6 route show table all"), completion: .file())
    var ip6Route: String?
    @Option(help: file("ip rule"), completion: .file()) var ipRule: String?
    @Option(name: .customLong("ip-6-rule"), help: file("ip -6 rule"), completion: .file()) var ip6Rule: String?
    @Option(help: file("ip neigh"), completion: .file()) var ipNeigh: String?
    @Option(help: file("bridge -d link"), completion: .file()) var bridgeLink: String?
    @Option(help: file("bridge fdb"), completion: .file()) var bridgeFdb: String?
    @Option(help: file("sysctl -a"), completion: .file()) var sysctl: String?
    @Option(help: file("conntrack -L"), completion: .file()) var conntrack: String?
    @Option(help: file("ss -lntu"), completion: .file()) var ssListen: String?
    @Option(help: "kube-proxy's configuration file.", completion: .file()) var kubeProxyConfig: String?
    @Option(help: "kube-proxy's /configz.", completion: .file()) var kubeProxyConfigz: String?
    @Option(help: "kube-proxy's /proxyMode.", completion: .file()) var kubeProxyProxymode: String?

    private static func file(_ command: String) -> ArgumentHelp {
        ArgumentHelp("Output of '\(command)'.", valueName: "file")
    }

    /// The files that were given, each with the name it has in a bundle (`docs/bundle.md`).
    var given: [(path: String, fileName: String)] {
        let all: [(String?, String)] = [
            (iptablesSave, "iptables-save.txt"), (iptablesLegacySave, "iptables-legacy-save.txt"),
            (iptablesNftSave, "iptables-nft-save.txt"), (ip6tablesSave, "ip6tables-save.txt"),
            (ip6tablesLegacySave, "ip6tables-legacy-save.txt"), (ip6tablesNftSave, "ip6tables-nft-save.txt"),
            (nftListRuleset, "nft-list-ruleset.txt"), (ebtablesSave, "ebtables-save.txt"),
            (tcFilter, "tc-filter.txt"), (bpfNet, "bpf-net.json"), (xfrm, "xfrm.txt"), (ipsetSave, "ipset-save.txt"),
            (ipvsadmSave, "ipvsadm-save.txt"), (ipvsadmList, "ipvsadm-list.txt"), (ipAddr, "ip-addr.txt"),
            (ipLink, "ip-link.txt"), (ipRoute, "ip-route.txt"), (ip6Route, "ip-6-route.txt"), (ipRule, "ip-rule.txt"),
            (ip6Rule, "ip-6-rule.txt"), (ipNeigh, "ip-neigh.txt"), (bridgeLink, "bridge-link.txt"),
            (bridgeFdb, "bridge-fdb.txt"), (sysctl, "sysctl.txt"), (conntrack, "conntrack.txt"),
            (ssListen, "ss-listen.txt"), (kubeProxyConfig, "kube-proxy-config.yaml"),
            (kubeProxyConfigz, "kube-proxy-configz.json"), (kubeProxyProxymode, "kube-proxy-proxymode.txt"),
        ]
        return all.compactMap { path, name in path.map { ($0, name) } }
    }
}
