"""Hands a command of the document to the check, and prints what it answers.

shim.py SOCKET PROGRAM [ARGUMENT ...]
"""

import base64
import json
import socket
import sys

with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(sys.argv[1])
    given = sys.stdin.buffer.read() if "--stdin" in sys.argv else b""
    order = {"command": sys.argv[2:], "stdin": base64.b64encode(given).decode()}
    connection.sendall(json.dumps(order).encode() + b"\n")
    answer = json.loads(connection.makefile().readline())
sys.stdout.buffer.write(base64.b64decode(answer["stdout"]))
sys.stderr.write(answer["stderr"])
sys.exit(answer["status"])
