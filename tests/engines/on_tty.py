# SPDX-License-Identifier: GPL-2.0-or-later
"""on_tty.py COMMAND …: runs a command on a terminal of 24 rows and 80 columns.

Standard input is typed into the terminal line by line; some lines are not typed, but done:
  @TEXT                  waits until TEXT has been written
  @winsize ROWS COLUMNS  changes the window
  @drag ROWS COLUMNS     does so a column more and less until the command ends: Docker's client does not
                         see a change that comes between its first look at the size and its waiting for
                         SIGWINCH (and Podman fails for one that comes at the end)
  !KEYS                  are typed key by key, as a hand does, since Podman compares single reads with its
                         detach keys, and again until the command ends
The exit status is the command's.
"""
import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

LIMIT = 60  # seconds


def set_size(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Typist:
    """What is still to be typed, and what has been seen since the last wait."""

    def __init__(self, fd, lines):
        self.fd, self.lines, self.seen = fd, lines, b""

    def go_on(self):
        while self.lines:
            line = self.lines[0]
            if line.startswith(b"@winsize "):
                set_size(self.fd, *map(int, line.split()[1:]))
            elif line.startswith(b"@drag "):
                rows, columns = map(int, line.split()[1:])
                set_size(self.fd, rows, columns + 1)
                time.sleep(0.2)
                set_size(self.fd, rows, columns)
                time.sleep(0.3)
                return
            elif line.startswith(b"@"):
                at = self.seen.find(line[1:])
                if at < 0:
                    return
                self.seen = self.seen[at + len(line) - 1:]
            elif line.startswith(b"!"):
                for key in line[1:]:
                    os.write(self.fd, bytes([key]))
                    time.sleep(0.2)
                return
            else:
                os.write(self.fd, line + b"\n")
            self.lines.pop(0)


def main():
    lines = [] if sys.stdin.isatty() else sys.stdin.buffer.read().splitlines()
    pid, fd = pty.fork()
    if pid == 0:
        set_size(0, 24, 80)
        os.execvp(sys.argv[1], sys.argv[1:])
    typist, end, status = Typist(fd, lines), time.monotonic() + LIMIT, None
    while True:
        # The command's end is not the terminal's: what it left behind (conmon) may hold that open.
        if status is None:
            ended, how = os.waitpid(pid, os.WNOHANG)
            status = os.waitstatus_to_exitcode(how) if ended else None
        if status is None and time.monotonic() > end:
            os.kill(pid, 9)
            sys.exit("the command did not end in time")
        if status is None:
            typist.go_on()
        try:
            data = os.read(fd, 65536) if select.select([fd], [], [], 0.1)[0] else None
        except OSError:
            data = b""
        if data:
            typist.seen += data
            os.write(1, data.replace(b"\r", b""))
        elif status is not None:
            sys.exit(status & 255)


main()
