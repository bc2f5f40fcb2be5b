"""Ties a child process to its parent, then becomes the program that is to run.

Started by the supervisor as `python -m tradinglab_operator.local.tether <parent> <nice> …`; on
Linux the kernel then ends the program when the supervisor dies, even by SIGKILL.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, niceness, *program = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(parent):
        raise SystemExit("the supervisor ended before its child began")
    if int(niceness):
        os.nice(int(niceness))
    os.execv(sys.executable, [sys.executable, *program])  # noqa: S606


if __name__ == "__main__":
    main()
