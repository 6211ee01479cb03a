import ArgumentParser
@preconcurrency import Glibc

// A reader that goes away (`clew-lab … | head`) is noticed as a failed write, and ends no process.
signal(SIGPIPE, SIG_IGN)
setlinebuf(stdout)
ClewLabCommand.main()
