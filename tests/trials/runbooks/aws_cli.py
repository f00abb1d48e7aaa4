"""The AWS CLI, loaded once and then forked for each command: starting Python takes longer than most commands.

    aws_cli.py SOCKET          loads and serves, until its standard input ends
    aws_cli.py SOCKET ARGS...  has `aws ARGS...` run with this process's environment, folder and standard streams
"""

import json
import os
import select
import socket
import sys

REQUEST_BYTES_MAX = 1 << 20


def ask(path, arguments):
    request = {"arguments": arguments, "environment": dict(os.environ), "folder": os.getcwd()}
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(path)
        socket.send_fds(connection, [b"."], [0, 1, 2])
        connection.sendall(json.dumps(request).encode())
        connection.shutdown(socket.SHUT_WR)
        return int(connection.recv(3) or b"255")


def serve(path):
    from awscli.clidriver import create_clidriver

    create_clidriver()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen()
        print("ready", flush=True)
        # Standard input ends with the test, however it ends, and then nobody is left to ask.
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            # A child's child is nobody's to wait for.
            if (child := os.fork()) == 0:
                if os.fork() == 0:
                    answer(connection, create_clidriver)
                os._exit(0)
            os.waitpid(child, 0)
            connection.close()


def answer(connection, create_clidriver):
    _, streams, _, _ = socket.recv_fds(connection, 1, 3)
    request = json.loads(b"".join(iter(lambda: connection.recv(REQUEST_BYTES_MAX), b"")))
    # The CLI notes there where its own files are.
    data = {"AWS_DATA_PATH": os.environ["AWS_DATA_PATH"]}
    os.environ.clear()
    os.environ.update(request["environment"] | data)
    os.chdir(request["folder"])
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = open(0, closefd=False)
    status = create_clidriver().main(request["arguments"])
    sys.stdout.flush()
    connection.sendall(str(status).encode())
    os._exit(0)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.exit(ask(sys.argv[1], sys.argv[2:]))
    serve(sys.argv[1])
