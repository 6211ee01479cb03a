import ClewDiagnostics

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A clock, and what it has measured in words.
enum Stopwatch {
    private static let start = ContinuousClock.now

    /// Since the first call.
    static func now() -> Duration { ContinuousClock.now - start }

    /// A line for each stage, the whole, and how much memory it took at most.
    static func table(_ timings: CheckTimings) -> String {
        var rows = timings.stages.map { (name: $0.name, time: seconds($0.duration), detail: $0.detail) }
        rows.append(("in all", seconds(timings.stages.reduce(.zero) { $0 + $1.duration }), peakMemory()))
        let width = rows.map(\.name.count).max() ?? 0
        let digits = rows.map(\.time.count).max() ?? 0
        return rows.map { row in
            let name = row.name + String(repeating: " ", count: width - row.name.count)
            let time = String(repeating: " ", count: digits - row.time.count) + row.time
            return "\(name)  \(time) s" + (row.detail.isEmpty ? "" : "  \(row.detail)") + "\n"
        }.joined()
    }

    /// With two digits behind the point.
    private static func seconds(_ duration: Duration) -> String {
        let (whole, rest) = duration.components
        let hundredths = (rest + 5_000_000_000_000_000) / 10_000_000_000_000_000
        let sum = whole * 100 + hundredths
        return "\(sum / 100).\(sum % 100 < 10 ? "0" : "")\(sum % 100)"
    }

    private static func peakMemory() -> String {
        var usage = rusage()
        #if canImport(Glibc)
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        #else
            getrusage(RUSAGE_SELF, &usage)
        #endif
        #if canImport(Darwin)
            let bytes = Int(usage.ru_maxrss)
        #else
            let bytes = Int(usage.ru_maxrss) * 1024
        #endif
        return "at most \(bytes >> 20) MiB of memory"
    }
}
