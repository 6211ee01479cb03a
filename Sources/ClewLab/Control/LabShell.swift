import CLinux
import Glibc

/// A shell, or one command, inside a place of a lab that runs in the background.
package enum LabShell {
    /// Runs it with this process's terminal, and gives its exit code.
    package static func run(_ name: String, _ place: String, _ command: [String]) throws(SystemError) -> Int32 {
        let (status, answer, holder) = try LabSocket.ask(name, ["descriptor", place])
        let words = answer.split(separator: " ").map(String.init)
        guard status == 0, words.count == 2, let number = CInt(words[0]), holder > 0 else {
            throw .unusable(answer.split(separator: "\n").first.map(String.init) ?? answer)
        }
        let namespace = open("/proc/\(holder)/fd/\(number)", O_RDONLY | O_CLOEXEC)
        guard namespace >= 0 else { throw .last("the namespace of \(place)") }
        defer { close(namespace) }
        guard clew_join(holder, namespace) == 0 else { throw .last("the namespaces of the lab") }
        setenv("XTABLES_LOCKFILE", "/run/netns/.xtables.lock", 1)
        setenv("PS1", "\(words[1]) \\$ ", 1)
        return try wait(command.isEmpty ? ["bash", "--norc", "--noprofile", "-i"] : command)
    }

    private static func wait(_ words: [String]) throws(SystemError) -> Int32 {
        guard let path = Command.path(of: words[0]) else { throw .unusable("no program \(words[0])") }
        var arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var child = pid_t()
        let code = posix_spawn(&child, path, nil, nil, &arguments, environ)
        guard code == 0 else { throw .call(path, errno: code) }
        // Signals of the terminal are the shell's.
        signal(SIGINT, SIG_IGN)
        signal(SIGQUIT, SIG_IGN)
        var result: CInt = 0
        while waitpid(child, &result, 0) < 0, errno == EINTR {}
        return result & 0x7f == 0 ? result >> 8 & 0xff : 128 + (result & 0x7f)
    }
}
