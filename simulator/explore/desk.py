"""Who asks what, and who is served next: the newest question first, and nobody who has gone."""

import traceback
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from functools import cache
from threading import Condition, Lock, Thread
from time import perf_counter
from typing import NamedTuple

from simulator.analysis.ledger import RunFrame
from simulator.analysis.score_power import resolved
from simulator.explore.lives import Life, Samples, Step, Stopped
from simulator.explore.question import Explored, Question
from simulator.model.errors import UserError
from simulator.model.observer import SILENT
from simulator.scenario.scenario import Scenario
from simulator.scenario.schema import Settings
from simulator.system.machine import threads_of

KEPT = 12  # lives that are kept: going back to where one was costs nothing
KEPT_BASELINES = 4  # of as many worlds and months


class Found(NamedTuple):
    """What a question has come to at a step."""

    question: Question
    step: Step
    frame: RunFrame
    own: Samples
    baseline: Samples
    borrowers: tuple[int, int]  # lived so far, and all
    seconds_left: float  # until the last step, if it goes on as it went
    cautions: list[str]


class Ask:
    """A question that somebody waits for; `deliver` is told what is found, or what is wrong, from another thread.

    It is told None where there will be no answer.
    """

    def __init__(self, question: Question, deliver: Callable[[Found | UserError | None], None]):
        """Take the question and who is told."""
        self.question, self.deliver = question, deliver
        self.told = 0  # steps
        self.cautions: list[str] | None = None
        self.pace = 0.0  # seconds that a borrower-month took at the last step with any


class Desk:
    """Lives what is asked, on all processors: the newest question first."""

    def __init__(self, explored: Explored, threads: int | None = None):
        """Take the scenario, and on how many threads it is lived."""
        self.explored, self.threads = explored, threads_of(threads)
        self._tape = explored.book and explored.book.tape
        self._asks: list[Ask] = []
        self._changed = Condition()
        self._lives, self._baselines = _Kept(KEPT), _Kept(KEPT_BASELINES)
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
        step, lives = own.steps[one.told], [own] if own is baseline else [baseline, own]
        before, start = sum(life.left for life in lives), perf_counter()
        if self._lived(one, step, lives):
            left = sum(life.left for life in lives)
            if left < before:
                one.pace = (perf_counter() - start) / (before - left)
            frame = replace(own.frame, transfers=own.frame.transfers or baseline.frame.transfers)
            samples = own.at(step), baseline.at(step)
            borrowers = own.borrowers(step), own.borrowers(own.steps[-1])
            if one.cautions is None:
                one.cautions = self.explored.cautions(one.question)
            one.deliver(Found(one.question, step, frame, *samples, borrowers, left * one.pace, one.cautions))
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
                life, unit = job
                try:
                    life.live(unit, lambda: self._is_next(one))
                except Stopped as stopped:
                    # Futures of the engine keep it, and the frames of its traceback keep them, and this life.
                    stopped.__traceback__ = None
                    return False
            return False

        at_work = [self._pool.submit(work) for _ in range(self.threads)]
        wait(at_work)
        return all([future.result() for future in at_work])

    def _is_next(self, one: Ask) -> bool:
        return self._asks[-1:] == [one]

    def _lives_of(self, question: Question) -> tuple[Life, Life]:
        """Return the lives of the lender and of the baseline that a question is about, both in parts or both whole."""
        lenders = cache(lambda: self._lenders_of(question))

        def baseline(in_parts: bool) -> Life:
            return self._baselines.get((question.here, in_parts), lambda: Life(*lenders()[1], self._tape, in_parts))

        def own(in_parts: bool) -> Life:
            return self._lives.get((question, in_parts), lambda: Life(*lenders()[0], self._tape, in_parts))

        if question.is_baseline:
            return baseline(True), baseline(True)
        found = own(True), baseline(True)
        return found if found[0].is_whole == found[1].is_whole else (own(False), baseline(False))

    def _lenders_of(self, question: Question) -> list[tuple[Scenario, Settings]]:
        """Return (scenario, settings) of the lender and of the baseline that a question is about."""
        asked = self.explored.asked(question)
        lenders = {"own": asked.own, "baseline": asked.baseline}
        settings, _ = resolved(asked.scenario, lenders, self.threads, SILENT)
        return [(asked.scenario, settings[name]) for name in lenders]


class _Kept:
    """The lives that were asked for last, by what they are of."""

    def __init__(self, most: int):
        self._lives, self._most = OrderedDict[tuple[Question, bool], Life](), most

    def get(self, key: tuple[Question, bool], make: Callable[[], Life]) -> Life:
        """Return the life of a key, made if it is not kept."""
        life = self._lives.pop(key, None) or make()
        self._lives[key] = life
        while len(self._lives) > self._most:
            _, gone = self._lives.popitem(last=False)
            gone.forget()
        return life
