package import ClewDiagnostics

/// Every check there is.
package enum CheckCatalogue {
    /// Sorted by code; causes of other findings need no order here, ``CheckRun`` folds them.
    package static let all: [any Check] =
        (objects + kubeProxy + ipvs + kernel + routing + bridge + firewall + conntrack + flannel + calico
        + controlPlane + normal).sorted { type(of: $0).metadata.code < type(of: $1).metadata.code }

    /// What is to be known of every check, and of what is said where none of them fits.
    package static let metadata: [CheckMetadata] = all.map { type(of: $0).metadata } + [UnexplainedLoss.metadata]

    /// The check of a code, or of a name.
    package static func check(_ text: String) -> (any Check)? {
        let wanted = text.uppercased()
        return all.first { type(of: $0).metadata.code == wanted || type(of: $0).metadata.name == text }
    }
}
