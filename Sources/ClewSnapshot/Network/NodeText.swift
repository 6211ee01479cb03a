package import ClewBundle

/// A text file of a node that no parser makes values of: a log, a counter dump, a configuration file.
///
/// Checks look for what they know in it, line by line.
package struct NodeText: Sendable {
    /// Below the node's folder: `dmesg.txt`, `cni/10-flannel.conflist`, `netns/NAME/nstat.txt`.
    package var path: String
    package var artifact: ArtifactID
    /// As collected; shared with the bundle, not copied.
    package var bytes: [UInt8]
    /// What the command ended with, where the manifest says.
    package var exitCode: Int?

    package init(path: String, artifact: ArtifactID, bytes: [UInt8], exitCode: Int? = nil) {
        self.path = path
        self.artifact = artifact
        self.bytes = bytes
        self.exitCode = exitCode
    }

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Each line that holds one of the phrases, without the white space around it, in the file's order; at most `limit`.
    package func lines(holding phrases: [String], limit: Int = 20) -> [(source: SourceLine, text: String)] {
        let needles = phrases.map { Array($0.utf8) }
        var result: [(source: SourceLine, text: String)] = []
        var number: UInt32 = 0
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number &+= 1
            guard result.count < limit, needles.contains(where: { line.holds($0) }) else { continue }
            result.append((SourceLine(artifact, line: number), String(decoding: line.trimmed, as: UTF8.self)))
        }
        return result
    }

    /// Every line that is not empty, without the white space around it.
    package var lines: [(source: SourceLine, text: String)] {
        var result: [(source: SourceLine, text: String)] = []
        var number: UInt32 = 0
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number &+= 1
            let line = line.trimmed
            if !line.isEmpty {
                result.append((SourceLine(artifact, line: number), String(decoding: line, as: UTF8.self)))
            }
        }
        return result
    }
}

extension NodeSnapshot {
    /// A file by its path below the node's folder, without its ending: `dmesg`, `cni/10-flannel`.
    package func text(_ stem: String) -> NodeText? {
        texts.first { $0.path == stem || $0.path.hasPrefix(stem + ".") }
    }

    /// The files of a folder: `cni`, `pod-logs`.
    package func texts(in folder: String) -> [NodeText] { texts.filter { $0.path.hasPrefix(folder + "/") } }
}

extension ArraySlice<UInt8> {
    fileprivate var trimmed: ArraySlice<UInt8> {
        let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 || byte == 0x0D }
        guard let first = firstIndex(where: { !isBlank($0) }), let last = lastIndex(where: { !isBlank($0) }) else {
            return []
        }
        return self[first...last]
    }

    fileprivate func holds(_ needle: [UInt8]) -> Bool {
        guard let head = needle.first else { return true }
        guard count >= needle.count else { return false }
        let end = endIndex - needle.count
        var index = startIndex
        while index <= end {
            if self[index] == head, self[index..<index + needle.count].elementsEqual(needle) { return true }
            index += 1
        }
        return false
    }
}
