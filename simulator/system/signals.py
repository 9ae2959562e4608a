"""The signals that end a command: Ctrl-C, `kill` and the closed terminal end it alike, by KeyboardInterrupt."""

import signal

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 130  # the exit code


class Interrupted(KeyboardInterrupt):
    """Told to end by a signal, unlike a KeyboardInterrupt that some code raises by itself."""


def listen() -> None:
    """Have SIGTERM and SIGHUP interrupt the main thread as Ctrl-C does, unless, as under nohup, they are ignored."""
    for one in ENDING[1:]:
        if signal.getsignal(one) == signal.SIG_DFL:
            signal.signal(one, _interrupt)

    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)


def _stop(*_):
    """Interrupt, each time: Ctrl-C."""
    raise Interrupted


def _interrupt(*_):
    """Interrupt once: a closing terminal sends its signal twice."""
    for one in ENDING[1:]:
        signal.signal(one, signal.SIG_IGN)
    raise Interrupted
