# SPDX-License-Identifier: GPL-2.0-or-later
"""cri.py SOCKET CALL [ARGUMENT …]: a small client of Kubernetes' container runtime interface.

  run-pod NAME HANDLER           a pod sandbox with that runtime handler; prints its id
  create POD IMAGE NAME ARG …    a container in it; prints its id
  start|stop|remove CONTAINER
  exec CONTAINER ARG …           prints stdout, exits with the program's status
  state CONTAINER                prints created, running, exited or unknown
  pod-address POD
  stop-pod|remove-pod POD

Debian has no crictl, and the interface's messages are few: they are written and read here by field
number (cri-api, runtime/v1/api.proto) rather than by generated code.
"""
import sys

import grpc

STATES = ["created", "running", "exited", "unknown"]


def varint(n):
    out = b""
    while n > 0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def message(fields):
    """{number: value}: str and bytes, int, dict (a message), list of those (repeated)."""
    out = b""
    for number, value in fields.items():
        for v in value if isinstance(value, list) else [value]:
            if isinstance(v, int):
                out += varint(number << 3) + varint(v)
                continue
            data = message(v) if isinstance(v, dict) else v.encode() if isinstance(v, str) else v
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def read_varint(data, at):
    n = shift = 0
    while True:
        n |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return n, at


def field(data, *path):
    """The last value of the field at that path of numbers: bytes, int, or None."""
    for number in path:
        at, found = 0, None
        while at < len(data):
            key, at = read_varint(data, at)
            if key & 7 == 0:
                value, at = read_varint(data, at)
            else:
                n, at = read_varint(data, at)
                value, at = data[at:at + n], at + n
            if key >> 3 == number:
                found = value
        if found is None:
            return None
        data = found
    return data


class Client:
    def __init__(self, socket):
        self.channel = grpc.insecure_channel("unix://" + socket)

    def call(self, method, fields):
        stub = self.channel.unary_unary("/runtime.v1.RuntimeService/" + method)
        try:
            return stub(message(fields), timeout=60)
        except grpc.RpcError as e:
            sys.exit(f"{method}: {e.details()}")


def sandbox_config(name):
    return {1: {1: name, 2: name + "-uid", 3: "default"}, 3: "/tmp", 8: {}}


def run(cri, what, args):
    if what == "run-pod":
        r = cri.call("RunPodSandbox", {1: sandbox_config(args[0]), 2: args[1]})
        print(field(r, 1).decode())
    elif what == "create":
        pod, image, name, *command = args
        config = {1: {1: name}, 2: {1: image}, 3: command, 15: {}}
        r = cri.call("CreateContainer", {1: pod, 2: config, 3: sandbox_config(name)})
        print(field(r, 1).decode())
    elif what == "exec":
        r = cri.call("ExecSync", {1: args[0], 2: args[1:], 3: 30})
        sys.stdout.write((field(r, 1) or b"").decode())
        sys.exit(field(r, 3) or 0)
    elif what == "state":
        print(STATES[field(cri.call("ContainerStatus", {1: args[0]}), 1, 3) or 0])
    elif what == "pod-address":
        print(field(cri.call("PodSandboxStatus", {1: args[0]}), 1, 5, 1).decode())
    else:
        method = {"start": "StartContainer", "stop": "StopContainer", "remove": "RemoveContainer",
                  "stop-pod": "StopPodSandbox", "remove-pod": "RemovePodSandbox"}[what]
        cri.call(method, {1: args[0]})


run(Client(sys.argv[1]), sys.argv[2], sys.argv[3:])
