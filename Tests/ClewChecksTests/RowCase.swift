import ClewBundle
import ClewChecks
import ClewDataplane
import ClewDiagnostics
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Foundation
import Testing

/// One bundle, and whether a check says something of it.
struct RowCase: Sendable, CustomTestStringConvertible {
    enum Expectation: Sendable { case fires, isQuiet }

    let code: String
    let title: String
    let expectation: Expectation
    let snapshot: @Sendable () throws -> ClusterSnapshot

    init(
        _ code: String, _ expectation: Expectation, _ title: String,
        _ snapshot: @escaping @Sendable () throws -> ClusterSnapshot
    ) {
        self.code = code
        self.expectation = expectation
        self.title = title
        self.snapshot = snapshot
    }

    var testDescription: String { "\(code) \(expectation == .fires ? "fires" : "is quiet"): \(title)" }

    /// Runs all checks; the one meant has to speak, or has to be silent.
    func verify() throws {
        let run = CheckRun(CheckCatalogue.all, in: CheckContext(Dataplane(compiling: try snapshot())))
        let codes = run.findings.flatMap { [$0] + $0.consequences }.map(\.check.code)
        #expect(codes.contains(code) == (expectation == .fires), "found \(codes)")
    }

    /// Every check that is named fires in one case and is quiet in another.
    static func verifyPairs(_ cases: [RowCase], _ checks: [any Check]) {
        for check in checks {
            let code = type(of: check).metadata.code
            let own = cases.filter { $0.code == code }
            #expect(own.contains { $0.expectation == .fires }, "\(code) has no case that fires")
            #expect(own.contains { $0.expectation == .isQuiet }, "\(code) has no near miss")
        }
    }
}

/// An example of the repository whose files can be changed.
struct EditableBundle {
    private var files: [String: [UInt8]]

    init(_ path: String) {
        let bundle = SharedData.bundle(path)
        files = Dictionary(bundle.artifacts.map { ($0.path, $0.bytes) }) { first, _ in first }
    }

    /// An example, or a recording of the lab.
    static func example(_ name: String) -> EditableBundle {
        EditableBundle(SharedData.packageRoot + "/Examples/" + name)
    }

    static func recorded(_ name: String) -> EditableBundle {
        EditableBundle(SharedData.packageRoot + "/Tests/Corpus/lab-ipvs/" + name + ".tar.zst")
    }

    var paths: [String] { files.keys.sorted() }

    subscript(_ path: String) -> String? {
        get { files[path].map { String(decoding: $0, as: UTF8.self) } }
        set { files[path] = newValue.map { Array($0.utf8) } }
    }

    /// Exchanges a text in a file; the text has to be there.
    mutating func replace(
        _ text: String, with other: String, in path: String, _ location: SourceLocation = #_sourceLocation
    ) {
        let old = self[path] ?? ""
        #expect(old.contains(text), "\(path) does not hold '\(text)'", sourceLocation: location)
        self[path] = old.replacingOccurrences(of: text, with: other)
    }

    /// Takes the lines out that hold a text; at least one has to.
    mutating func removeLines(_ text: String, in path: String, _ location: SourceLocation = #_sourceLocation) {
        let lines = (self[path] ?? "").components(separatedBy: "\n")
        let kept = lines.filter { !$0.contains(text) }
        #expect(kept.count < lines.count, "\(path) does not hold '\(text)'", sourceLocation: location)
        self[path] = kept.joined(separator: "\n")
    }

    mutating func append(_ text: String, to path: String) { self[path] = (self[path] ?? "") + text + "\n" }

    var snapshot: ClusterSnapshot {
        let artifacts = paths.map { Artifact(path: $0, bytes: files[$0] ?? []) }
        return ClusterSnapshot(parsing: SupportBundle(name: "case", artifacts: artifacts), nodeName: nil)
    }
}
