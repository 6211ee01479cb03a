package import ClewIntent
package import ClewNet

/// The names of kube-proxy's chains (`proxier.go`, portProtoHash and servicePortEndpointChainName).
package enum ChainNames {
    /// `KUBE-SVC-` and the like with the hash of a Service port.
    package static func service(_ prefix: String, _ name: ServicePortName) -> String {
        prefix + hash(name.description + name.ipProtocol.description)
    }

    /// `KUBE-SEP-` with the hash of a Service port and one of its endpoints.
    package static func endpoint(_ name: ServicePortName, _ address: SocketAddress) -> String {
        "KUBE-SEP-" + hash(name.description + name.ipProtocol.description + address.description)
    }

    /// The first 16 letters of the SHA-256, in base 32 (RFC 4648).
    package static func hash(_ text: String) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)
        let digest = SHA256.digest(text.utf8)
        // Sixteen letters are ten bytes.
        var letters: [UInt8] = []
        var (value, bits) = (UInt32(0), UInt32(0))
        for byte in digest.prefix(10) {
            value = value << 8 | UInt32(byte)
            bits += 8
            while bits >= 5 {
                bits -= 5
                letters.append(alphabet[Int(value >> bits & 31)])
            }
            value &= (1 << bits) - 1
        }
        return String(decoding: letters, as: UTF8.self)
    }
}
