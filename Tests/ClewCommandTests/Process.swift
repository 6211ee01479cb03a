import Foundation

/// What a run of `clew` gave.
struct CommandResult {
    var code: Int32
    var output: String
    var error: String
    /// The lines of standard error.
    var errorLines: [Substring] { error.split(separator: "\n") }
}

/// Runs the built `clew`, which lies beside the test bundle.
enum Command {
    static let path: String = {
        let arguments = CommandLine.arguments
        let bundle = arguments.firstIndex(of: "--test-bundle-path").flatMap {
            $0 + 1 < arguments.count ? arguments[$0 + 1] : nil
        }
        let own = bundle ?? arguments[0]
        var folder = URL(fileURLWithPath: own).deletingLastPathComponent()
        for _ in 0..<4 {
            let candidate = folder.appendingPathComponent("clew").path
            if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
            folder.deleteLastPathComponent()
        }
        return "clew"
    }()

    static func run(_ arguments: [String], input: String = "", environment: [String: String] = [:]) throws
        -> CommandResult
    {
        let files = try TemporaryFolder()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        var variables = ProcessInfo.processInfo.environment
        for name in ["NO_COLOR", "LC_ALL", "LC_CTYPE", "LANG"] { variables[name] = nil }
        process.environment = variables.merging(environment) { $1 }
        // Files, not pipes: no answer is too long for them.
        let (out, err) = (try files.write("out", ""), try files.write("err", ""))
        process.standardInput = FileHandle(forReadingAtPath: try files.write("in", input))
        process.standardOutput = FileHandle(forWritingAtPath: out)
        process.standardError = FileHandle(forWritingAtPath: err)
        try process.run()
        process.waitUntilExit()
        let code = process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
        return CommandResult(
            code: code, output: try String(contentsOfFile: out, encoding: .utf8),
            error: try String(contentsOfFile: err, encoding: .utf8))
    }
}

/// A folder that goes away with its owner.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "clew-test-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    @discardableResult
    func write(_ name: String, _ text: String) throws -> String { try write(name, Data(text.utf8)) }

    @discardableResult
    func write(_ name: String, _ bytes: Data) throws -> String {
        let file = URL(fileURLWithPath: path).appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try bytes.write(to: file)
        return file.path
    }
}
