"""`python -m simulator` and the command `simulator`, which can be ended from its first moment on."""

import sys

from simulator.system.signals import INTERRUPTED, listen


def main() -> None:
    """Run the command line and exit."""
    try:
        listen()
        from simulator import cli  # a tenth of a second

        cli.main()
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
