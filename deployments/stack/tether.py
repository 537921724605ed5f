"""Run a command that ends when its parent does: `python tether.py PARENT_PID SIGNAL COMMAND...`.

Started as a file, not as a module, and with nothing of the project imported: it is the few milliseconds between the
stack and each of its children. On Linux the kernel signals the child once its parent is gone, even after SIGKILL;
elsewhere a parent that is killed so leaves its children to be stopped by hand. The kernel watches the thread that
started the child, so that thread has to live as long as the child should.
"""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent, then become the command."""
    parent, signal_number, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal_number))
    if os.getppid() != int(parent):
        sys.exit("the parent process ended before its child began")
    os.execv(command[0], command)  # noqa: S606 - the stack's own command, never a shell's


if __name__ == "__main__":
    main()
