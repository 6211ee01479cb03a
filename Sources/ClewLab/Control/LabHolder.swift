import CLinux
import ClewBundle
import ClewNet
import Glibc

/// The process in the background that keeps a lab, and does for others what must be done inside.
package struct LabHolder {
    private let lab: Lab
    private let faults: [Fault]

    package init(_ lab: Lab, faults: [Fault]) {
        self.lab = lab
        self.faults = faults
    }

    /// Starts a lab in the background and returns when it is built.
    ///
    /// Must come before the first thread. Returns the first lines of `clew-lab up`.
    package static func start(_ name: String, _ network: any LabNetwork, _ plan: ClusterPlan, _ faults: [Fault])
        throws(SystemError) -> String
    {
        let door = try LabSocket.listen(name)
        var ends: [CInt] = [-1, -1]
        guard clew_pipe(&ends) == 0 else { throw .last("pipe") }
        let child = clew_daemonize()
        guard child >= 0 else { throw .last("fork") }
        if child == 0 {
            close(ends[0])
            hold(door, ends[1], network, plan, faults)
        }
        close(ends[1])
        close(door)
        defer { close(ends[0]) }
        let answer = String(decoding: try LabSocket.readAll(ends[0], until: 0), as: UTF8.self)
        guard answer.hasPrefix("+") else {
            throw .unusable(answer.isEmpty ? "the lab's process ended before it was built" : answer)
        }
        return String(answer.dropFirst())
    }

    private static func hold(
        _ door: CInt, _ ready: CInt, _ network: any LabNetwork, _ plan: ClusterPlan, _ faults: [Fault]
    ) -> Never {
        clew_detach_output()
        @Sendable func say(_ text: String) {
            let bytes = Array(text.utf8) + [0]
            _ = write(ready, bytes, bytes.count)
            close(ready)
        }
        do throws(SystemError) {
            try Isolation.enter()
            // Not on this thread, which the fork has made of another process's.
            try Threads.run { () throws(SystemError) in
                let holder = LabHolder(try Lab(network, plan: plan, faults: faults), faults: faults)
                guard clew_listen_again(door) == 0 else { throw .last("listen") }
                say("+" + holder.description)
                holder.serve(door)
            }
            _exit(0)
        } catch {
            say(error.description)
            _exit(1)
        }
    }

    private func serve(_ door: CInt) {
        while true {
            let client = accept(door, nil, nil)
            guard client >= 0 else { continue }
            defer { close(client) }
            guard let bytes = try? LabSocket.readAll(client) else { continue }
            let words = String(decoding: bytes, as: UTF8.self).split(separator: "\0").map(String.init)
            if words.first == "down" { return }
            let answer: String
            do throws(SystemError) {
                answer = "0\n" + (try self.answer(words))
            } catch {
                answer = "1\n\(error)\n"
            }
            try? LabSocket.write(Array(answer.utf8), to: client)
        }
    }

    private func answer(_ words: [String]) throws(SystemError) -> String {
        switch words.first {
        case "describe": return description
        case "descriptor":
            guard words.count == 2, let place = LabPlace(words[1], in: lab), let found = lab.namespace(of: place) else {
                throw .unusable("'\(words.dropFirst().joined())' is no place of this lab: \(places)")
            }
            return "\(found.descriptor) \(place)"
        case "bundle":
            guard words.count == 2 else { throw .unusable("no folder") }
            let bundle = try LabBundle(lab).collect()
            try LabBundle.write(bundle, to: words[1])
            return "\(bundle.artifacts.count) files in \(words[1])\n"
        case "probe":
            guard words.count == 4 else { throw .unusable("from and to are missing") }
            let experiment = try Experiment(lab)
            let flows = try experiment.flows(from: words[1], to: words[2])
            var run = ProbeRun()
            run.seesData = words[3] == "packets"
            return try experiment.compare(flows, run: run).map {
                experiment.report($0, showsPackets: words[3] == "packets")
            }
            .joined(separator: "\n")
        default: throw .unusable("'\(words.first ?? "")' is nothing a lab can do")
        }
    }

    private var places: String { lab.places.map { $0.place.description }.joined(separator: " ") }

    private var description: String {
        var lines = ["\(lab.network.name): \(lab.network.summary)"]
        lines += faults.map { "fault \($0.name): \($0.symptom)" }
        for node in lab.nodes {
            lines.append("node \(node.name) \(node.plan.addresses.map(\.description).joined(separator: " "))")
            for pod in lab.pods(on: node) {
                lines.append("  pod \(pod.plan.name) \(pod.plan.addresses.map(\.description).joined(separator: " "))")
            }
        }
        for service in lab.plan.services {
            let ports = service.ports.map { "\($0.number)/\($0.ipProtocol)" }.joined(separator: " ")
            let addresses = lab.plan.families.map { Addressing.service(service.number, $0).description }
            lines.append("service \(service.name) \(addresses.joined(separator: " ")) \(ports)")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
