/// The script that a node's shell runs: it prints, as a tar archive, what the node says of its network.
///
/// POSIX sh, with nothing that dash, busybox and bash do not all have. It needs no file beside it and no tool: what is
/// missing, fails, hangs or prints too much becomes an entry of `bundle.json`. Held in the program, so that it goes
/// wherever the program goes. `docs/collect.md` says what it runs, and its limits.
package enum NodeScript {
    /// The whole script.
    ///
    /// It runs nothing before its last line has arrived.
    package static let text =
        [archive, commands, filters, namespace, node, pods, main].joined(separator: "\n\n") + "\n"
}
