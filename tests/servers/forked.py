"""Stands for a program whose processes :mod:`tests.servers.forking` forks.

It passes on its name, arguments, environment, folder, streams and signals, and ends as that process does.
It uses the standard library alone, so that Python starts it in 20 milliseconds.
"""

import marshal
import os
import signal
import socket
import sys
from contextlib import suppress


def main(address: str, *arguments: str) -> None:
    """Ask the process at an address to fork, and wait."""
    streams = []
    for number in range(3):
        with suppress(OSError):  # it is closed
            os.fstat(number)
            streams.append(number)
    signals = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM}
    ignored = {number for number in signals if signal.getsignal(number) == signal.SIG_IGN}
    folder = os.getcwd()  # noqa: PTH109 - pathlib takes as long to import as everything else here
    request = marshal.dumps((arguments, dict(os.environ), folder, streams, set(map(int, ignored))))
    with socket.socket(socket.AF_UNIX) as server:
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # one that comes before the request stays pending

        def pass_on(number: int, _: object) -> None:
            with suppress(BrokenPipeError):  # the process has ended, and its code is received
                server.sendall(bytes([number]))

        for number in signals - ignored:
            signal.signal(number, pass_on)
        server.connect(address)
        socket.send_fds(server, [len(request).to_bytes(4)], streams)
        server.sendall(request)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        code = int.from_bytes(server.recv(4, socket.MSG_WAITALL), signed=True)
    if code < 0:
        with suppress(OSError):  # SIGKILL has no handler
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


main(*sys.argv[1:])
