import ClewBundle
import ClewCollector
import Foundation
import Testing

/// What one run of the node script gave.
struct ScriptRun {
    let bundle: SupportBundle
    /// `bundle.json`.
    let manifest: [String: Any]
    let exitCode: Int32
    let standardError: String

    /// Runs the script as transports do: from standard input, in a shell, perhaps behind other words.
    init(
        _ shell: [String], _ options: [String], behind wrapper: [String] = [], in folder: TemporaryFolder
    ) throws {
        let archive = folder.path + "/archive.tar"
        let result = try Self.start(wrapper + shell + ["-s", "--"] + options, in: folder, output: archive)
        exitCode = result.exitCode
        standardError = result.standardError
        bundle = try BundleReader.read(path: archive)
        let json = try #require(bundle.artifacts.first { $0.path == "bundle.json" })
        manifest = try #require(try JSONSerialization.jsonObject(with: Data(json.bytes)) as? [String: Any])
    }

    /// Runs words with a script as their input; the output goes to a file.
    static func start(
        _ words: [String], script: String = NodeScript.text, in folder: TemporaryFolder, output: String
    ) throws -> (exitCode: Int32, standardError: String) {
        let script = try folder.write("script.sh", script)
        let errors = try folder.write("errors.txt", "")
        try Data().write(to: URL(fileURLWithPath: output))
        let input = try FileHandle(forReadingFrom: URL(fileURLWithPath: script))
        let outputHandle = try FileHandle(forWritingTo: URL(fileURLWithPath: output))
        let errorHandle = try FileHandle(forWritingTo: URL(fileURLWithPath: errors))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = words
        process.standardInput = input
        process.standardOutput = outputHandle
        process.standardError = errorHandle
        process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
        try process.run()
        process.waitUntilExit()
        return (process.terminationStatus, try String(contentsOfFile: errors, encoding: .utf8))
    }

    /// The text of an artifact.
    subscript(_ path: String) -> String? {
        bundle.artifacts.first { $0.path == path }.map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    /// What the manifest says of a command, by the path of what it printed.
    func record(_ path: String) throws -> (exitCode: Int, standardError: String, command: String) {
        let artifacts = try #require(manifest["artifacts"] as? [String: [String: Any]])
        let record = try #require(artifacts[path], "no record of \(path)")
        return (
            try #require(record["exitCode"] as? Int), try #require(record["stderr"] as? String),
            try #require(record["command"] as? String)
        )
    }

    var notes: [String] {
        let collections = manifest["collections"] as? [String: [String: Any]]
        return collections?.values.first?["notes"] as? [String] ?? []
    }

    /// What holds of every run, whatever the node: the bundle is whole, and says of each file where it is from.
    func checkWhole() throws {
        #expect(exitCode == 0)
        #expect(standardError == "")
        #expect(bundle.problems == [])
        let artifacts = try #require(manifest["artifacts"] as? [String: [String: Any]])
        for artifact in bundle.artifacts where !artifact.path.hasSuffix("/pod.txt") && artifact.path != "bundle.json" {
            let record = try #require(artifacts[artifact.path], "no record of \(artifact.path)")
            #expect(record["seconds"] is Double || record["seconds"] is Int)
        }
    }
}

/// Whether a command is there; a missing one is said aloud.
func isInstalled(_ tools: String...) -> Bool {
    let missing = tools.filter { findTool($0) == nil }
    if !missing.isEmpty { print("SKIP: not installed: \(missing.joined(separator: " "))") }
    return missing.isEmpty
}

func findTool(_ name: String) -> String? {
    ["/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/", "/usr/local/bin/"].map { $0 + name }
        .first { FileManager.default.isExecutableFile(atPath: $0) }
}

/// Whether tests may make namespaces; if not, that is said aloud.
func isRoot() -> Bool {
    if geteuid() != 0 { print("SKIP: needs root") }
    return geteuid() == 0
}

/// Runs a shell text and returns what it printed, without its last line break.
@discardableResult
func shell(_ text: String) throws -> String {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-ec", text]
    process.standardOutput = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(text)")
    return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .newlines)
}
