import ClewDataplane
import ClewParsers
import ClewReports

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `--flows`: reads a question a line, writes an answer a line, and stops for none of them.
struct FlowStream {
    /// A longer line is refused, not kept: bytes.
    private static let lineLimit = 1 << 20

    private let dataplane: Dataplane
    private let resolver: FlowResolver
    private let report: TraceJSON
    private let defaults: FlowFields
    private var output = Output()
    private var outcome = TraceOutcome()
    private var number = 0

    init(_ dataplane: Dataplane, defaults: FlowFields) {
        self.dataplane = dataplane
        self.defaults = defaults
        resolver = FlowResolver(dataplane)
        report = TraceJSON(dataplane.snapshot)
    }

    /// Answers all lines of a file, where `-` is standard input.
    ///
    /// Answers are written as soon as the input makes it wait.
    mutating func run(reading path: String) throws(CommandFailure) -> TraceOutcome {
        // Without O_NONBLOCK a named pipe makes this wait until somebody writes to it.
        let waits: Int32 = path.hasPrefix("/dev/") || path.hasPrefix("/proc/self/") ? 0 : O_NONBLOCK
        let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | waits)
        guard descriptor >= 0 else { throw CommandFailure("\(path): \(String(cString: strerror(errno)))") }
        try Self.checkEnds(descriptor, path)
        defer { if descriptor != STDIN_FILENO { close(descriptor) } }
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        var line: [UInt8] = []
        while !output.isClosed {
            let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw CommandFailure("\(path): \(String(cString: strerror(errno)))") }
            guard count > 0 else { break }
            try take(chunk[..<count], &line)
            try output.flush()
        }
        if !line.isEmpty { try answer(line) }
        try output.flush()
        return outcome
    }

    /// Refuses a device, which may never end, and a named pipe, for which `-` is the way.
    private static func checkEnds(_ descriptor: Int32, _ path: String) throws(CommandFailure) {
        var status = stat()
        guard path != "-", fstat(descriptor, &status) == 0 else { return }
        let kind = status.st_mode & S_IFMT
        if kind == S_IFREG || (kind == S_IFIFO && (path.hasPrefix("/dev/") || path.hasPrefix("/proc/self/"))) { return }
        let what = kind == S_IFDIR ? "a directory" : kind == S_IFIFO ? "a named pipe" : "a device"
        throw CommandFailure("\(path): is \(what), where a file or '-' (standard input) is needed")
    }

    private mutating func take(_ bytes: ArraySlice<UInt8>, _ line: inout [UInt8]) throws(CommandFailure) {
        var rest = bytes
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            line += rest[..<end].prefix(Self.lineLimit + 1 - line.count)
            try answer(line)
            line.removeAll(keepingCapacity: true)
            rest = rest[(end + 1)...]
        }
        line += rest.prefix(Self.lineLimit + 1 - line.count)
    }

    private mutating func answer(_ line: [UInt8]) throws(CommandFailure) {
        number += 1
        guard line.contains(where: { $0 > 0x20 }) else { return }
        let question = FlowLine(line, isCut: line.count > Self.lineLimit)
        var answers: [String] = []
        do throws(FlowError) {
            for trace in try traces(question) {
                outcome.add(trace)
                answers.append(report.line(trace, id: question.id))
            }
        } catch {
            outcome.addInvalid()
            answers = [report.errorLine(error.message, id: question.id, line: number)]
        }
        for answer in answers { try output.write(answer + "\n") }
    }

    private func traces(_ question: FlowLine) throws(FlowError) -> [Trace] {
        if let problem = question.problem { throw FlowError(problem) }
        let request: FlowRequest
        do throws(CommandFailure) {
            request = try question.fields.filled(from: defaults).request()
        } catch {
            throw FlowError(error.message)
        }
        return try resolver.flows(for: request).map(dataplane.trace)
    }
}

/// One line of `--flows`, read as far as it can be.
struct FlowLine {
    /// The JSON text of `id`, also where the rest of the line is no good.
    private(set) var id: String?
    private(set) var fields = FlowFields()
    /// Why the line is no flow.
    private(set) var problem: String?

    init(_ bytes: [UInt8], isCut: Bool) {
        guard !isCut else {
            problem = "the line is longer than 1 MiB"
            return
        }
        var reader = JSONReader(bytes)
        do throws(JSONError) {
            try reader.beginObject()
            while let key = try reader.nextKey() {
                let name = try reader.string(of: key)
                if name == "id" {
                    id = try Self.identifier(&reader, bytes)
                } else if let field = FlowFields.names.first(where: { $0.0 == name }) {
                    try take(&reader, name, into: field.1)
                } else {
                    try reader.skipValue()
                    let known = FlowFields.names.map(\.0)
                    note("unknown key '\(name)'" + NameSuggestion.text(for: name, among: known + ["id"]))
                }
            }
            if !reader.isAtEnd() { note("more than one JSON value on the line") }
        } catch {
            // Whatever else was noted, a line that is no JSON is that before all.
            problem = "not a JSON object that asks for a flow: \(error) at byte \(error.offset + 1)"
        }
    }

    private mutating func note(_ text: String) { problem = problem ?? text }

    private mutating func take(
        _ reader: inout JSONReader, _ name: String, into path: WritableKeyPath<FlowFields, String?>
    ) throws(JSONError) {
        switch reader.peek() {
        case .string: fields[keyPath: path] = try reader.string()
        case .null: _ = try reader.null()
        case .number where ["sport", "family", "size"].contains(name):
            fields[keyPath: path] = String(try reader.int64())
        case .object, .array, .number, .bool, .end, .other:
            try reader.skipValue()
            note("'\(name)' is not a string")
        }
    }

    /// Any JSON value, checked to the last byte, since it goes out as it came in.
    private static func identifier(_ reader: inout JSONReader, _ bytes: [UInt8]) throws(JSONError) -> String {
        if reader.peek() == .string { return JSONValue.string(try reader.string()).text }
        let start = reader.offset
        try check(&reader)
        return String(decoding: bytes[start..<reader.offset], as: UTF8.self)
    }

    private static func check(_ reader: inout JSONReader) throws(JSONError) {
        switch reader.peek() {
        case .object:
            try reader.beginObject()
            while let key = try reader.nextKey() {
                _ = try reader.string(of: key)
                try check(&reader)
            }
        case .array:
            try reader.beginArray()
            while try reader.nextElement() { try check(&reader) }
        case .string: _ = try reader.string()
        case .number: _ = try reader.number()
        case .bool: _ = try reader.bool()
        case .null:
            _ = try reader.null()
        case .end, .other: throw JSONError(.expected("a value"), at: reader.offset)
        }
    }
}
