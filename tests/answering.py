"""What answers tasks in a process of its own, for tests: it imports nothing heavy."""

import os
import time


def answering(given):
    """Return what answers tasks: one by dying, one never, the others with their number."""

    def answer(task):
        if task[1] == 1:
            os._exit(3)
        if task[1] == 2:
            time.sleep(60)
        return {"told": given + task[1]}

    return answer
