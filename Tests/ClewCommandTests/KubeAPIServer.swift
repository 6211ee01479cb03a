/// A server of the Kubernetes API for tests, in Python: real `kubectl` talks to it.
enum KubeAPIServer {
    static let source = ##"""
        # A Kubernetes API for tests: answers with recorded exchanges, keeps the pods that are made, and runs what is exec'd
        # in them in the process of a node. Arguments: recorded exchanges, file for the port, file for the log, NODE=PID ...
        import base64, hashlib, http.server, json, os, socketserver, struct, subprocess, sys, threading, time, urllib.parse

        recorded = {}
        for line in open(sys.argv[1]):
            exchange = json.loads(line)
            request, response = exchange["request"], exchange["response"]
            if request["method"] == "GET" and response["status"] == 200 and "as=Table" not in (request["accept"] or ""):
                path = request["path"]
                recorded.setdefault(path, response)
                recorded.setdefault(path.split("?")[0], response)
        nodes = dict(word.split("=") for word in sys.argv[4:])
        objects = {"pods": {}, "daemonsets": {}}
        lock = threading.Lock()


        def log(text):
            with open(sys.argv[3], "a") as file:
                file.write(text + "\n")


        def run_pod(pod):
            pod["metadata"].update(uid="0", resourceVersion="1", creationTimestamp="2026-01-01T00:00:00Z")
            is_up = pod["spec"]["nodeName"] in nodes
            pod["status"] = {
                "phase": "Running" if is_up else "Pending",
                "conditions": [{"type": "Ready", "status": "True" if is_up else "False"}],
            }
            objects["pods"][pod["metadata"]["name"]] = pod


        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def answer(self, status, body, headers={}):
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Content-Type" not in headers:
                    self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def missing(self):
                text = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
                self.answer(404, dict(text, message=self.path + " not found"))

            def find(self):
                """Kind and name of what this server keeps."""
                parts = urllib.parse.urlparse(self.path).path.strip("/").split("/")
                for kind in objects:
                    if kind in parts and "namespaces" in parts:
                        rest = parts[parts.index(kind) + 1 :]
                        return kind, rest
                return None, []

            def do_GET(self):
                kind, rest = self.find()
                query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
                if kind == "pods" and rest[1:] == ["exec"]:
                    return self.execute(rest[0], query["command"])
                if kind and rest:
                    with lock:
                        found = objects[kind].get(rest[0])
                    found = found or self.recorded_item(kind, rest[0])
                    return self.answer(200, found) if found else self.missing()
                if kind and ("labelSelector" in query or "fieldSelector" in query):
                    return self.list(kind, query)
                response = recorded.get(self.path) or recorded.get(self.path.split("?")[0])
                if not response:
                    return self.list_namespace()
                headers = {"Content-Type": response["headers"].get("Content-Type", "application/json")}
                self.answer(200, (response["body"] or "").encode(), headers)

            def list(self, kind, query):
                label = query.get("labelSelector", [""])[0].partition("=")
                field = query.get("fieldSelector", [""])[0].partition("=")
                with lock:
                    found = [
                        item
                        for item in objects[kind].values()
                        if (not label[0] or item["metadata"]["labels"].get(label[0]) == label[2])
                        and (not field[0] or item["metadata"]["name"] == field[2])
                    ]
                name = {"pods": ("PodList", "v1"), "daemonsets": ("DaemonSetList", "apps/v1")}[kind]
                body = {"kind": name[0], "apiVersion": name[1], "metadata": {"resourceVersion": "1"}, "items": found}
                if "watch" in query:
                    return self.watch(name, found, "sendInitialEvents" in query)
                self.answer(200, body)

            def recorded_item(self, kind, name):
                """An object out of the recorded list of all."""
                response = recorded.get("/api/v1/" + kind) or {"body": '{"items": []}'}
                namespace = self.path.split("/namespaces/")[1].split("/")[0]
                for item in json.loads(response["body"])["items"]:
                    if item["metadata"]["name"] == name and item["metadata"].get("namespace") == namespace:
                        return dict(item, kind="Pod", apiVersion="v1")

            def list_namespace(self):
                """A list of one namespace, cut out of the recorded list of all; a log."""
                head, _, rest = self.path.split("?")[0].partition("/namespaces/")
                namespace, _, resource = rest.partition("/")
                if resource.endswith("/log"):
                    return self.answer(200, b"started\n", {"Content-Type": "text/plain"})
                response = recorded.get(head + "/" + resource)
                empty = {"replicationcontrollers": ("ReplicationControllerList", "v1"), "replicasets": ("ReplicaSetList", "apps/v1")}
                if resource in empty:
                    return self.answer(200, {"kind": empty[resource][0], "apiVersion": empty[resource][1], "items": []})
                if not response:
                    return self.missing()
                body = json.loads(response["body"])
                query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
                label = query.get("labelSelector", [""])[0].partition("=")
                body["items"] = [
                    item
                    for item in body["items"]
                    if item["metadata"].get("namespace") == namespace
                    and (not label[0] or item["metadata"].get("labels", {}).get(label[0]) == label[2])
                ]
                self.answer(200, body)

            def watch(self, name, found, is_list):
                """The objects as they are, and an end; the client asks again."""
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                events = [{"type": "ADDED", "object": item} for item in found] if is_list else []
                if is_list:
                    mark = {"resourceVersion": "1", "annotations": {"k8s.io/initial-events-end": "true"}}
                    kind = {"kind": name[0][:-4], "apiVersion": name[1], "metadata": mark}
                    events.append({"type": "BOOKMARK", "object": kind})
                try:
                    for event in events:
                        self.wfile.write(json.dumps(event).encode() + b"\n")
                    self.wfile.flush()
                    time.sleep(1)
                except OSError:
                    pass
                self.close_connection = True

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                kind, rest = self.find()
                if kind is None or rest:
                    return self.missing()
                item = json.loads(body)
                name = item["metadata"]["name"]
                log("POST %s %s" % (kind, name))
                with lock:
                    if kind == "pods":
                        run_pod(item)
                    else:
                        number = {"desiredNumberScheduled": 3, "numberAvailable": 3, "updatedNumberScheduled": 3}
                        item["metadata"].update(uid="0", resourceVersion="1", generation=1)
                        item["spec"]["updateStrategy"] = {"type": "RollingUpdate"}
                        item["status"] = dict(number, observedGeneration=1)
                        objects[kind][name] = item
                        for node in nodes:
                            template = json.loads(json.dumps(item["spec"]["template"]))
                            template.update(kind="Pod", apiVersion="v1")
                            template["metadata"].update(name=name + "-" + node, namespace="kube-system")
                            template["spec"]["nodeName"] = node
                            run_pod(template)
                self.answer(201, item)

            def do_DELETE(self):
                self.rfile.read(int(self.headers["Content-Length"] or 0))
                kind, rest = self.find()
                with lock:
                    found = objects[kind].pop(rest[0], None) if kind and rest else None
                    if found and kind == "daemonsets":
                        for name in [name for name in objects["pods"] if name.startswith(rest[0] + "-")]:
                            del objects["pods"][name]
                            log("DELETE pods %s" % name)
                if not found:
                    return self.missing()
                log("DELETE %s %s" % (kind, rest[0]))
                self.answer(200, found)

            def execute(self, name, command):
                """exec over a WebSocket, subprotocol v5.channel.k8s.io."""
                with lock:
                    pod = objects["pods"].get(name)
                if not pod or pod["spec"]["nodeName"] not in nodes:
                    return self.missing()
                key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
                self.send_response(101)
                self.send_header("Upgrade", "websocket")
                self.send_header("Connection", "Upgrade")
                self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
                self.send_header("Sec-WebSocket-Protocol", "v5.channel.k8s.io")
                self.end_headers()
                self.wfile.flush()
                self.close_connection = True
                pid = nodes[pod["spec"]["nodeName"]]
                child = subprocess.Popen(
                    ["nsenter", "-t", pid, "-n", "-m", "-p"] + command,
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
                writing = threading.Lock()

                def send(channel, data, opcode=2):
                    payload = bytes([channel]) + data
                    length = len(payload)
                    head = bytes([0x80 | opcode])
                    if length < 126:
                        head += bytes([length])
                    elif length < 65536:
                        head += struct.pack(">BH", 126, length)
                    else:
                        head += struct.pack(">BQ", 127, length)
                    with writing:
                        self.connection.sendall(head + payload)

                def pump(stream, channel):
                    try:
                        while True:
                            data = stream.read1(32768)
                            if not data:
                                return
                            send(channel, data)
                    except OSError:
                        child.kill()

                pumps = [threading.Thread(target=pump, args=pair, daemon=True) for pair in ((child.stdout, 1), (child.stderr, 2))]
                for thread in pumps:
                    thread.start()
                threading.Thread(target=self.receive, args=(child,), daemon=True).start()
                for thread in pumps:
                    thread.join()
                status = {"metadata": {}, "status": "Success"}
                if child.wait() != 0:
                    cause = {"reason": "ExitCode", "message": str(child.returncode)}
                    status = {"metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
                              "message": "command terminated", "details": {"causes": [cause]}}
                try:
                    send(3, json.dumps(status).encode())
                    with writing:
                        self.connection.sendall(bytes([0x88, 2, 0x03, 0xE8]))
                    time.sleep(0.2)
                except OSError:
                    pass

            def receive(self, child):
                """Frames from the client: channel 0 is standard input, 255 closes a channel."""
                try:
                    while True:
                        head = self.rfile.read(2)
                        if len(head) < 2 or head[0] & 15 == 8:
                            break
                        length = head[1] & 127
                        if length == 126:
                            length = struct.unpack(">H", self.rfile.read(2))[0]
                        elif length == 127:
                            length = struct.unpack(">Q", self.rfile.read(8))[0]
                        mask = self.rfile.read(4)
                        data = bytes(byte ^ mask[index % 4] for index, byte in enumerate(self.rfile.read(length)))
                        if head[0] & 15 in (1, 2, 0) and data:
                            if data[0] == 0:
                                child.stdin.write(data[1:])
                                child.stdin.flush()
                            elif data[0] == 255:
                                child.stdin.close()
                except (OSError, ValueError):
                    pass
                try:
                    child.stdin.close()
                except (OSError, ValueError):
                    pass


        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True


        server = Server(("127.0.0.1", 0), Handler)
        with open(sys.argv[2] + ".new", "w") as file:
            file.write(str(server.server_port))
        os.rename(sys.argv[2] + ".new", sys.argv[2])
        server.serve_forever()
        """##
}
