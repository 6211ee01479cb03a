import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Foundation
import Testing

/// The nodes of a lab reached as real nodes are: the same is said of what comes back as of the lab's own bundle.
@Suite(.serialized, .timeLimit(.minutes(25))) struct LabCollectTests {
    /// A machine of its own for a node: its processes, its pods' namespaces below `/run/netns`, and what CNI plugins leave.
    private static let machine = #"""
        # node: its own processes, the namespaces of its pods below /run/netns, and what CNI plugins leave behind
        node=$1 F=$2
        mount --make-rprivate /
        mount -t tmpfs none /run; mkdir -p /run/netns /run/sshd
        mount -t tmpfs none /var/lib; mkdir -p /var/lib/cni/results
        for file in $F/lab/nodes/$node/netns/*/pod.txt; do
          space=$(basename $(dirname $file)); read pod < $file
          touch /run/netns/$space; mount --bind /proc/$(cat $F/pod-$space)/ns/net /run/netns/$space
          printf '{"netns":"/var/run/netns/%s","cniArgs":[["K8S_POD_NAMESPACE","%s"],["K8S_POD_NAME","%s"]]}\n' \
            $space ${pod%%/*} ${pod#*/} > /var/lib/cni/results/cbr0-$space-eth0
        done
        mount -t proc proc /proc; mount -t sysfs none /sys 2>/dev/null
        hostname $node
        echo up > $F/up-$node
        exec sleep 500
        """#

    /// Runs inside of the lab, in its world outside: a server of the API, and all ways of collecting.
    private static let inside = #"""
        CLEW=$1 F=$2 EX=$3 SERVER=$4; shift 4
        cd $F
        words=
        for node; do
          nsenter -t $(cat node-$node) -n unshare -m -p -u --fork --kill-child sh machine.sh $node $F 2>machine-$node.err </dev/null &
          unshare_pid=$!
          while ! [ -s up-$node ]; do sleep 0.1; done
          child=$(cat /proc/$unshare_pid/task/$unshare_pid/children); child=${child% }
          [ -n "$child" ] || { child=$(cat /proc/$unshare_pid/task/*/children); child=${child%% *}; }
          echo $child > machine-$node
          words="$words $node=$child"
        done
        ip link set lo up
        python3 $SERVER $EX port log $words 2>server.err & server=$!
        while ! [ -s port ]; do sleep 0.1; done
        printf 'apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: "http://127.0.0.1:%s"}}]\n' $(cat port) > config
        printf 'users: [{name: u, user: {token: x}}]\ncontexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n' >> config
        mkdir -p temporary
        export KUBECACHEDIR=$F/cache HOME=$F TMPDIR=$F/temporary KUBECONFIG=$F/config
        for way in kubectl-debug daemonset; do
          $CLEW collect --via $way --timeout 120 -o $way.tar > $way.out 2>&1; echo "$way code $?"
        done
        for node; do
          nsenter -t $(cat machine-$node) -n -m -p -u $CLEW collect --via local --no-api --timeout 60 -o $F/local-$node.tar > local-$node.out 2>&1; echo "local $node code $?"
        done
        ssh-keygen -q -t ed25519 -N '' -f key; cp key.pub authorized
        printf 'Port 2222\nHostKey %s/key\nAuthorizedKeysFile %s/authorized\nStrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\n' $F $F > sshd.conf
        list=
        for node; do
            nsenter -t $(cat machine-$node) -n -m -p -u $(command -v sshd) -D -f $F/sshd.conf 2>sshd-$node.err &
            address=$(python3 -c "import json,sys; print([a['address'] for i in json.load(open('$F/lab/cluster/all.json'))['items'] if i['kind']=='Node' and i['metadata']['name']=='$node' for a in i['status']['addresses'] if a['type']=='InternalIP'][0])")
            list="$list,$node=$address"
        done
        sleep 1
        $CLEW collect --via ssh:root@ --nodes ${list#,} --timeout 60 -o ssh.tar --ssh-option Port=2222 --ssh-option IdentityFile=$F/key \
            --ssh-option StrictHostKeyChecking=no --ssh-option UserKnownHostsFile=/dev/null --ssh-option LogLevel=ERROR > ssh.out 2>&1; echo "ssh code $?"
        $CLEW trace --from pod/shop/web-0 --to svc/shop/api-a --brief --keep $F/kept.tar --collect-with "--timeout 60" \
            > kept.out 2> kept.err; echo "trace code $?"
        number=0
        while IFS= read -r words <&3; do
          $CLEW $words --collect-nodes worker-a --keep $F/asked-$number.tar --collect-with "--timeout 60" \
              > asked-$number.out 2> asked-$number.err; echo "asked $number code $?"
          number=$((number + 1))
        done 3< questions
        kill -KILL $server
        for node; do kill -KILL $(cat machine-$node); done
        """#

    /// What is asked without a bundle, besides a trace.
    private static let questions = [
        "check", "services", "services explain svc/shop/api-a --node worker-a", "fix OBJ016",
        "what-if --set sysctl:node/worker-a:net.ipv4.ip_forward=0",
    ]

    /// The lab's objects as a real API server would list them, before what was recorded from one.
    private static let exchanges = #"""
        import json,sys
        items=json.load(open(sys.argv[1]))['items']
        paths={'Node':'/api/v1/nodes','Pod':'/api/v1/pods','Service':'/api/v1/services','Endpoints':'/api/v1/endpoints','Namespace':'/api/v1/namespaces','EndpointSlice':'/apis/discovery.k8s.io/v1/endpointslices','NetworkPolicy':'/apis/networking.k8s.io/v1/networkpolicies','DaemonSet':'/apis/apps/v1/daemonsets'}
        with open(sys.argv[3],'w') as out:
            for kind,path in paths.items():
                own=[i for i in items if i['kind']==kind]
                version={'EndpointSlice':'discovery.k8s.io/v1','NetworkPolicy':'networking.k8s.io/v1','DaemonSet':'apps/v1'}.get(kind,'v1')
                body=json.dumps({'kind':kind+'List','apiVersion':version,'metadata':{'resourceVersion':'1'},'items':[{k:v for k,v in i.items() if k not in('kind','apiVersion')} for i in own]})
                for query in ('?limit=500','?limit=500&timeout=120s',''):
                    out.write(json.dumps({'request':{'method':'GET','path':path+query,'accept':'application/json'},'response':{'status':200,'headers':{'Content-Type':'application/json'},'body':body}})+'\n')
            out.write(open(sys.argv[2]).read())
        """#

    /// Starts a process in every node and pod, and then the script inside.
    private static let outer = #"""
        cd $F
        nodes=$(cd lab/nodes && ls | grep -v '^router$')
        for node in $nodes; do
          $LAB shell $node --name $NAME -- sh -c "echo \$\$ > $F/node-$node; exec sleep 500" >/dev/null 2>&1 </dev/null &
          for file in lab/nodes/$node/netns/*/pod.txt; do
            pod=$(cat $file); space=$(basename $(dirname $file))
            $LAB shell $pod --name $NAME -- sh -c "echo \$\$ > $F/pod-$space; exec sleep 500" >/dev/null 2>&1 </dev/null &
          done
        done
        for node in $nodes; do
          for file in node-$node $(cd lab/nodes/$node/netns && ls | sed s/^/pod-/); do while ! [ -s $file ]; do sleep 0.1; done; done
        done

        """#

    @Test func everyWayGivesWhatTheLabGives() throws {
        guard LabScript.isAble("unshare", "nsenter", "python3", "kubectl", "ip", "sshd", "ssh", "ssh-keygen") else {
            return
        }
        let shared = SharedData.root ?? "../shared"
        let recorded = shared + "/kube-api/exchanges.jsonl"
        guard FileManager.default.fileExists(atPath: recorded) else {
            print("SKIP: no recorded exchanges at \(recorded)")
            return
        }
        let folder = try TemporaryFolder()
        for (name, text) in [
            ("machine.sh", Self.machine), ("inside.sh", Self.inside), ("exchanges.py", Self.exchanges),
            ("outer.sh", Self.outer), ("server.py", KubeAPIServer.source),
            ("questions", Self.questions.map { $0 + "\n" }.joined()),
        ] { try folder.write(name, text) }
        let name = "collect-\(getpid())"
        let path = folder.path
        let output = try LabScript.run(
            """
            LAB=\(LabScript.program) CLEW=\(Command.path) NAME=\(name) F=\(path)
            $LAB up bridge-vxlan --name $NAME >/dev/null || exit
            $LAB bundle $F/lab --name $NAME >/dev/null
            . ./outer.sh
            python3 exchanges.py lab/cluster/all.json \(recorded) ex.jsonl
            timeout 420 $LAB shell outside --name $NAME -- sh $F/inside.sh $CLEW $F $F/ex.jsonl $F/server.py $nodes
            $LAB down --name $NAME
            mkdir parts; $CLEW bundle split lab --into parts --ending tar 2>/dev/null
            $CLEW bundle merge local-*.tar kubectl-debug.tar -o joined.tar 2>/dev/null
            # The machine between the nodes is none of theirs.
            for way in kubectl-debug daemonset ssh joined; do
                $CLEW bundle merge parts/router.tar $way.tar -o whole-$way.tar 2>/dev/null
            done
            """, in: folder, seconds: 540)
        for way in ["kubectl-debug code 0", "daemonset code 0", "ssh code 0", "local worker-a code 0"] {
            #expect(output.contains(way), "\(output)")
        }
        let questions = Verdicts.questions(ClusterSnapshot(parsing: SharedData.bundle(path + "/lab"), nodeName: nil))
        let own = try Verdicts(of: path + "/lab", asking: questions)
        #expect(Set(own.traces.values.map { $0.first ?? "" }).count > 3)
        #expect(own.services.count > 20)
        for way in ["kubectl-debug", "daemonset", "ssh", "joined"] {
            #expect(try Verdicts(of: path + "/whole-\(way).tar", asking: questions) == own, "\(way)")
        }
        // Without a bundle: from the nodes of both ends, which is one here.
        let asked = try String(contentsOfFile: path + "/kept.err", encoding: .utf8)
        #expect(asked.contains("collecting from the nodes on the way: worker-a\n"), "\(asked)")
        let kept = SharedData.bundle(path + "/kept.tar")
        #expect(ClusterSnapshot(parsing: kept, nodeName: nil).nodes.map(\.name) == ["worker-a"])
        let question = ["--from", "pod/shop/web-0", "--to", "svc/shop/api-a", "--brief"]
        let answer = try Command.run(["trace", path + "/lab"] + question)
        #expect(
            try String(contentsOfFile: path + "/kept.out", encoding: .utf8).contains(
                answer.output.prefix { $0 != "\n" }))
        #expect(output.contains("trace code \(answer.code)"), "\(output)")
        for (number, question) in Self.questions.enumerated() {
            let bundle = "\(path)/asked-\(number).tar"
            let collected = ClusterSnapshot(parsing: SharedData.bundle(bundle), nodeName: nil)
            #expect(collected.nodes.map(\.name) == ["worker-a"], "\(question)")
            var words = question.split(separator: " ").map(String.init)
            words.insert(bundle, at: question.contains("explain") ? 2 : 1)
            let answer = try Command.run(words)
            let own = try String(contentsOfFile: "\(path)/asked-\(number).out", encoding: .utf8)
            // Hints at the end name the bundle.
            #expect(own.split(separator: "\n").first == answer.output.split(separator: "\n").first, "\(question)")
            #expect(output.contains("asked \(number) code \(answer.code)\n"), "\(question): \(answer)")
            #expect(answer.code != 2 && !own.isEmpty, "\(question): \(answer)")
        }
        let log = try String(contentsOfFile: path + "/log", encoding: .utf8).split(separator: "\n")
        let made = Set(log.filter { $0.hasPrefix("POST ") }.map { $0.dropFirst(5) })
        let removed = Set(log.filter { $0.hasPrefix("DELETE ") }.map { $0.dropFirst(7) })
        #expect(!made.isEmpty && made.isSubset(of: removed))
    }
}
