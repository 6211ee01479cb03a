import ArgumentParser
import ClewReports

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

// A reader that goes away (`clew … | head`) is noticed as a failed write, and ends no process.
signal(SIGPIPE, SIG_IGN)
exit(Clew.runAndReport())
