package import ClewBundle
package import ClewSnapshot

/// Reads what kube-proxy was told, in each form in which a cluster tells it.
///
/// The file given with `--config` (YAML or JSON, alone or among kubeadm's documents), the answer of `/configz`, the
/// word of `/proxyMode`, and the ConfigMap `kube-system/kube-proxy`.
package enum KubeProxyConfigParser {
    /// Reads any of the forms; which one it is, is told by the text.
    ///
    /// `nil` where the text holds no configuration of kube-proxy; that is not an error and not noted.
    package static func parse(
        _ bytes: [UInt8], artifact: ArtifactID
    ) -> (configuration: KubeProxyConfiguration?, unread: [UnreadLine]) {
        parse(bytes, artifact: artifact, .followingConfigMaps)
    }

    /// A ConfigMap inside of a ConfigMap is not read, so that no text nests without end.
    private enum Depth { case followingConfigMaps, insideConfigMap }

    private static func parse(
        _ bytes: [UInt8], artifact: ArtifactID, _ depth: Depth
    ) -> (configuration: KubeProxyConfiguration?, unread: [UnreadLine]) {
        if let mode = mode(bytes) {
            var configuration = KubeProxyConfiguration(source: SourceLine(artifact, line: 1))
            configuration.mode = mode
            return (configuration, [])
        }
        var text = bytes
        var unread: [UnreadLine] = []
        if bytes.first(where: { $0 > 0x20 }) != UInt8(ascii: "{") {
            let converted = YAMLText.json(from: bytes, artifact: artifact)
            text = converted.json
            unread = converted.unread
        }
        var reader = ObjectReader(text, artifact: artifact)
        var found = reader.kubeProxyConfigurations()
        unread += text == bytes ? reader.unread : YAMLText.quote(bytes, in: reader.unread)
        if depth == .followingConfigMaps {
            for configMap in reader.found.configMaps {
                let inner = parse(configMap)
                unread += inner.unread
                if let configuration = inner.configuration { found.append(configuration) }
            }
        }
        return (found.first, unread)
    }

    /// Reads the ConfigMap of kubeadm (`config.conf`) or EKS (`config`).
    ///
    /// All places are the line where the ConfigMap begins.
    package static func parse(
        _ configMap: ConfigMap
    ) -> (configuration: KubeProxyConfiguration?, unread: [UnreadLine]) {
        for key in ["config.conf", "config", "config.yaml", "kube-proxy-config.yaml"] {
            guard let text = configMap.data[key] else { continue }
            var parsed = parse(Array(text.utf8), artifact: configMap.source.artifact, .insideConfigMap)
            guard parsed.configuration != nil || !parsed.unread.isEmpty else { continue }
            parsed.configuration?.source = configMap.source
            let unread = parsed.unread.map {
                UnreadLine(configMap.source, text: $0.text, reason: "ConfigMap \(configMap.name) \(key): \($0.reason)")
            }
            return (parsed.configuration, unread)
        }
        return (nil, [])
    }

    /// The answer of `/proxyMode`: one word.
    private static func mode(_ bytes: [UInt8]) -> String? {
        guard bytes.count < 64 else { return nil }
        let word = bytes.split { $0 <= 0x20 }
        guard word.count == 1, let text = word.first.map({ String(decoding: $0, as: UTF8.self) }) else { return nil }
        return ["iptables", "ipvs", "nftables", "userspace", "kernelspace"].contains(text) ? text : nil
    }
}
