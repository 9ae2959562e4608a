"""The signals that end a command: Ctrl-C, `kill` and the closed terminal end it alike, by KeyboardInterrupt."""

import signal

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 130  # the exit code


def listen() -> None:
    """Have SIGTERM and SIGHUP interrupt the main thread as Ctrl-C does, unless, as under nohup, they are ignored."""
    for one in ENDING[1:]:
        if signal.getsignal(one) == signal.SIG_DFL:
            signal.signal(one, _interrupt)


def _interrupt(*_):
    """Interrupt once: a closing terminal sends its signal twice."""
    for one in ENDING[1:]:
        signal.signal(one, signal.SIG_IGN)
    raise KeyboardInterrupt
