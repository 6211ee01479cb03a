/// What kube-proxy and network plugins write into comments beside names.
enum CommentWords {
    static let all = Set((words + " " + sentences.joined(separator: " ")).split(separator: " ").map(String.init))

    /// Whether a comment is such a sentence: what is a name in it, and an address, is left out.
    static func isSentence(_ text: some StringProtocol) -> Bool {
        let words = text.split(whereSeparator: \.isWhitespace).filter { word in
            !word.contains("/") && !word.allSatisfy { $0.isHexDigit || ".:[]-".contains($0) }
        }
        return words.count > 1 && all.contains(words[0].description) && known.contains(words.joined(separator: " "))
    }

    private static let known = Set(
        sentences.map { sentence in sentence.split(separator: " ").joined(separator: " ") })

    /// kubernetes, pkg/proxy/iptables/proxier.go, pkg/proxy/ipvs/proxier.go and pkg/proxy/nftables/proxier.go.
    private static let sentences = [
        "cluster IP", "external IP", "loadbalancer IP", "has no endpoints", "has no local endpoints",
        "kubernetes service portals", "kubernetes externally-visible service portals",
        "kubernetes load balancer firewall",
        "kubernetes postrouting rules", "kubernetes forwarding rules", "kubernetes forwarding conntrack rule",
        "kubernetes forwarding conntrack pod source rule", "kubernetes forwarding conntrack pod destination rule",
        "kubernetes health check service ports", "kubernetes health check rules", "kubernetes ipvs access filter",
        "kubernetes service traffic requiring SNAT", "kubernetes service nodeports",
        "kubernetes service nodeports; NOTE: this must be the last rule in this chain",
        "kubernetes firewall for dropping marked packets", "masquerade traffic for external destinations",
        "pod traffic for external destinations", "route LOCAL traffic for external destinations",
        "masquerade LOCAL traffic for external destinations", "masquerade traffic for",
        "block incoming localnet connections", "rule to save client IP for", "health check node port",
        "traffic not accepted by", "block incoming ipvs", "Kubernetes service load balancer ip + port",
        "Kubernetes service cluster ip + port for masquerade purpose",
        "Kubernetes nodeport TCP port for masquerade purpose",
        "Kubernetes nodeport UDP port for masquerade purpose",
        "Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose",
        "flanneld masq", "flanneld forward", "portmap name", "dnat name", "name id",
    ]

    private static let words = """
        cluster external loadbalancer IP has no local endpoints kubernetes service portals externally-visible rules \
        forwarding conntrack pod source destination rule postrouting requiring SNAT traffic firewall for dropping \
        marked packets must be last in this chain NOTE the nodeports health check node port masquerade purpose and \
        filter not accepted by to flanneld masq forward cali endpoint endpoints with balancer load block incoming \
        localnet connections portmap name id bridge dst ip src solving hairpin nodeport ports access -> Kubernetes
        """
}
