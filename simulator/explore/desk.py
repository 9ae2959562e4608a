"""Who asks what, and who is served next: the newest question first, and nobody who has gone."""

import traceback
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Condition, Lock, Thread
from typing import NamedTuple

from simulator.analysis.score_power import resolved
from simulator.explore.lives import Life, Samples, Step, Stopped
from simulator.explore.question import Explored, Question
from simulator.model.errors import UserError
from simulator.model.observer import SILENT
from simulator.run import read_book
from simulator.system.machine import threads_of

KEPT = 12  # lives that are kept: going back to where one was costs nothing
KEPT_BASELINES = 4  # of as many worlds and months


class Found(NamedTuple):
    """What a question has come to at a step."""

    question: Question
    step: Step
    own: Life
    samples: Samples
    baseline: Samples


class Ask:
    """A question that somebody waits for; `deliver` is told what is found, or what is wrong, from another thread.

    It is told None where there will be no answer.
    """

    def __init__(self, question: Question, deliver: Callable[[Found | UserError | None], None]):
        """Take the question and who is told."""
        self.question, self.deliver = question, deliver
        self.told = 0  # steps


class Desk:
    """Lives what is asked, on all processors: the newest question first."""

    def __init__(self, explored: Explored, threads: int | None = None):
        """Take the scenario, and on how many threads it is lived."""
        self.explored, self.threads = explored, threads_of(threads)
        book = read_book(explored.scenario)
        self._tape = book and book.tape
        self._asks: list[Ask] = []
        self._changed = Condition()
        self._lives: OrderedDict[Question, Life] = OrderedDict()
        self._baselines: OrderedDict[Question, Life] = OrderedDict()
        self._pool = ThreadPoolExecutor(self.threads)
        self._is_open = True
        self._thread = Thread(target=self._work, daemon=True)
        self._thread.start()

    def ask(self, question: Question, deliver: Callable[[Found | UserError | None], None]) -> Ask:
        """Put a question before all others, and return it."""
        one = Ask(question, deliver)
        with self._changed:
            self._asks.append(one)
            self._changed.notify()
        return one

    def withdraw(self, one: Ask) -> None:
        """Take a question back; nothing if it has been answered."""
        with self._changed:
            if one in self._asks:
                self._asks.remove(one)

    def close(self) -> None:
        """Answer nothing more."""
        with self._changed:
            self._is_open = False
            left, self._asks = self._asks, []
            self._changed.notify()
        for one in left:
            one.deliver(None)
        self._thread.join()
        self._pool.shutdown(cancel_futures=True)

    def _work(self) -> None:
        while True:
            with self._changed:
                while self._is_open and not self._asks:
                    self._changed.wait()
                if not self._is_open:
                    return
                one = self._asks[-1]
            try:
                is_over = self._serve(one)
            except UserError as error:
                one.deliver(error)
                is_over = True
            except Exception:  # nobody is served any better if the desk closes
                traceback.print_exc()
                one.deliver(None)
                is_over = True
            if is_over:
                self.withdraw(one)

    def _serve(self, one: Ask) -> bool:
        """Come one step further with a question; return whether that was the last."""
        own, baseline = self._lives_of(one.question)
        step = own.steps[one.told]
        if self._lived(one, step, [own] if own is baseline else [baseline, own]):
            one.deliver(Found(one.question, step, own, own.at(step), baseline.at(step)))
            one.told += 1
        return one.told == len(own.steps)

    def _lived(self, one: Ask, step: Step, lives: list[Life]) -> bool:
        """Live all that a step lacks; return whether that was done: not if a newer question came, or this one went."""
        units = iter([(life, unit) for life in lives for unit in life.missing(step)])
        taking = Lock()

        def work():
            while self._is_next(one):
                with taking:
                    job = next(units, None)
                if job is None:
                    return True
                life, (replication, part) = job
                life.live(replication, part, lambda: self._is_next(one))
            raise Stopped

        at_work = [self._pool.submit(work) for _ in range(self.threads)]
        wait(at_work)
        try:
            return all(future.result() for future in at_work)
        except Stopped:
            return False

    def _is_next(self, one: Ask) -> bool:
        return self._asks[-1:] == [one]

    def _lives_of(self, question: Question) -> tuple[Life, Life]:
        """Return the lives of the lender and of the baseline that a question is about."""
        own, baseline = _kept(self._lives, question), _kept(self._baselines, question.here)
        if question.is_baseline:
            own = baseline
        if own and baseline:
            return own, baseline
        asked = self.explored.asked(question)
        lenders = {"baseline": asked.baseline, "own": asked.own}
        settings, _ = resolved(asked.scenario, lenders, self.threads, SILENT)
        baseline = baseline or Life(asked.scenario, settings["baseline"], self._tape)
        own = baseline if question.is_baseline else own or Life(asked.scenario, settings["own"], self._tape)
        if own.steps != baseline.steps:  # one of the two is of the whole book: so both are
            own, baseline = (
                life if life.is_whole else Life(asked.scenario, settings[name], self._tape, False)
                for name, life in (("own", own), ("baseline", baseline))
            )
        _keep(self._lives, question, own, KEPT)
        _keep(self._baselines, question.here, baseline, KEPT_BASELINES)
        return own, baseline


def _kept(lives: OrderedDict[Question, Life], question: Question) -> Life | None:
    if question in lives:
        lives.move_to_end(question)
    return lives.get(question)


def _keep(lives: OrderedDict[Question, Life], question: Question, life: Life, most: int) -> None:
    lives[question] = life
    lives.move_to_end(question)
    while len(lives) > most:
        lives.popitem(last=False)
