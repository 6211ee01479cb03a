import ClewReports

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// When reports are coloured.
enum ColourMode: String, CaseIterable {
    case auto, always, never
}

/// What standard output can show.
enum Terminal {
    /// The style of text reports: colours for a terminal unless `NO_COLOR` is set, box characters where the locale's
    /// character set is UTF-8, and 80 columns or the terminal's width.
    static func style(_ mode: ColourMode) -> TextStyle {
        let isTerminal = isatty(STDOUT_FILENO) == 1
        let isColoured =
            switch mode {
            case .always: true
            case .never: false
            case .auto: isTerminal && variable("NO_COLOR") == nil && variable("TERM") != "dumb"
            }
        return TextStyle(
            drawing: isUTF8 ? .unicode : .ascii, colour: isColoured ? .ansi : .none,
            width: isTerminal ? columns.map { min(max($0, 60), 140) } ?? 80 : 80)
    }

    /// Of the first of the locale variables that is set, as `setlocale(3)` chooses.
    private static var isUTF8: Bool {
        let locale = (variable("LC_ALL") ?? variable("LC_CTYPE") ?? variable("LANG") ?? "").lowercased()
        return locale.contains("utf-8") || locale.contains("utf8")
    }

    /// An environment variable, `nil` where it is empty.
    private static func variable(_ name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }

    private static var columns: Int? {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }
}
