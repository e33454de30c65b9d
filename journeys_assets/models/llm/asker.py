"""Answers questions with a model: many at a time, in order, within a budget, each answer checked and kept."""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Event, Lock
from typing import Any, Generic

import polars as pl

from journeys_assets.models.llm.answers import EMPTY, Judged, judged, judged_text, schema_of
from journeys_assets.models.llm.base import Outcome, Prompt, Question, Reply, Value
from journeys_assets.models.llm.budget import Budget, Prices
from journeys_assets.models.llm.cache import AnswerCache, Stored, key_of
from journeys_assets.models.llm.chat import Busy, ChatError, ChatModel, Message, Schema
from journeys_assets.models.llm.ledger import Ledger
from journeys_assets.models.llm.messages import RULES, messages_of, messages_of_repair
from journeys_assets.models.llm.pace import LONGEST_PAUSE, Breaker, Clock, Pace, Sleep, backoff_seconds
from journeys_assets.models.llm.quoting import quoted_data

WINDOW = 4
"""Questions that are read ahead for each call that may be under way."""
SMALLEST_WINDOW = 64

MOST_LOST = 10
"""Machines that one question may lose before that counts as a failure of the question."""

UNAFFORDABLE = "budget used up"
STOPPED = "stopped"


class ModelAsker:
    """An ``Asker`` (``models.llm.base``). Several threads may use it."""

    def __init__(
        self,
        chat: ChatModel,
        *,
        cache: AnswerCache | None,
        ledger: Ledger,
        budget: Budget,
        prices: Prices,
        max_concurrency: int,
        requests_per_minute: float | None,
        max_retries: int,
        clock: Clock = time.monotonic,
        sleep: Sleep = time.sleep,
    ) -> None:
        """Starts no thread and makes no call yet.

        Args:
            cache: Where valid answers are kept; None: nowhere.
            ledger: Counts what is asked here.
            budget: Of this run.
            max_concurrency: Most calls under way at a time.
            requests_per_minute: Most calls in a minute; None: no limit.
            max_retries: Further attempts of a call that came to nothing and may come to something.
        """
        self._chat = chat
        self._cache = cache
        self.ledger = ledger
        self._budget = budget
        self._prices = prices
        self._max_retries = max_retries
        self._window = max(SMALLEST_WINDOW, WINDOW * max_concurrency)
        self._pace = Pace(requests_per_minute, clock=clock, sleep=sleep)
        self._breaker = Breaker(clock=clock)
        self._sleep = sleep
        self._jitter = random.Random()
        self._pool = ThreadPoolExecutor(max_concurrency, thread_name_prefix="llm")

    @property
    def model(self) -> str:
        return self._chat.name

    def version_of(self, prompt: Prompt) -> str:
        """12 hex digits over model, prompt, sampling, and the rules that every system message ends with."""
        text = json.dumps([self.model, prompt.name, prompt.version, dict(self._chat.sampling), RULES], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def ask(self, questions: Iterable[Question[Value]], purpose: str) -> Iterator[Reply[Value]]:
        """See ``Asker``.

        Raises:
            ValueError: data of a question cannot be sent, such as personal data.
            LanguageModelError: the cache cannot be used.
        """
        unread = iter(questions)
        window: deque[_Pending[Value]] = deque()
        queue = _Queue()
        under_way: dict[str, Future[_Result]] = {}
        try:
            while True:
                while len(window) < self._window and (question := next(unread, None)) is not None:
                    window.append(self._begin(_Asked.of(question, purpose, self), under_way, queue))
                if not window:
                    return
                yield self._end(window.popleft(), under_way)
        finally:
            queue.stop()

    def calls(self) -> pl.DataFrame:
        """See ``Asker``."""
        return self.ledger.rows()

    # ── in the thread of the caller ─────────────────────────────────────────────────────────────────────────────────

    def _begin(self, asked: _Asked[Value], under_way: dict[str, Future[_Result]], queue: _Queue) -> _Pending[Value]:
        """Take the answer from the cache, or have it asked for."""
        if (future := under_way.get(asked.key)) is not None:
            return _Pending(asked, future=future, is_repeat=True)
        if (stored := self._cached(asked)) is not None:
            return _Pending(asked, reply=Reply(stored.value, "cached", tokens=stored.tokens))
        future = under_way[asked.key] = queue.add(asked)
        self._pool.submit(self._answer_next, queue)
        return _Pending(asked, future=future)

    def _end(self, pending: _Pending[Value], under_way: dict[str, Future[_Result]]) -> Reply[Value]:
        """Wait for the reply, and count it."""
        asked, reply = pending.asked, pending.reply
        if pending.future is not None:
            result = pending.future.result()
            if pending.is_repeat:
                reply = self._shared(asked, result)
            else:
                reply = result.reply
                del under_way[asked.key]
        assert reply is not None
        self.ledger.note_reply(asked.purpose, self.model, asked.question.prompt, reply.outcome, reply.reason)
        return reply

    def _cached(self, asked: _Asked[Value]) -> Judged[Value] | None:
        """What the stored answer is worth to this question; None without one of any worth."""
        stored = self._cache.get(asked.key, asked.question.subject) if self._cache else None
        if stored is None:
            return None
        tokens = (stored.input_tokens, stored.output_tokens)
        answer = replace(judged_text(stored.answer, asked.question), tokens=tokens)
        # An answer that a stricter check no longer accepts is asked for again.
        return None if answer.value is None else answer

    def _shared(self, asked: _Asked[Value], result: _Result) -> Reply[Value]:
        """The reply to a question that was under way already, for another subject."""
        if result.answer is None:
            return Reply(None, result.reply.outcome, result.reply.reason)
        if self._cache is not None:
            stored = self._stored(asked, result.answer, result.reply.tokens)
            self._cache.put(asked.key, stored, asked.question.subject)
        answer = judged_text(result.answer, asked.question)
        if answer.value is None:
            return Reply(None, "failed", answer.reason)
        return Reply(answer.value, "cached", tokens=result.reply.tokens)

    def _stored(self, asked: _Asked[Any], answer: str, tokens: tuple[int, int]) -> Stored:
        prompt = asked.question.prompt
        return Stored(answer, self.model, prompt.name, prompt.version, *tokens)

    # ── in a thread of the pool ─────────────────────────────────────────────────────────────────────────────────────

    def _answer_next(self, queue: _Queue) -> None:
        """Answer the question at the head of the queue."""
        # Paid for in the order of the questions, so that a budget goes to the first ones.
        with queue.turn:
            if (head := queue.take()) is None:
                return
            asked, future = head
            most = self._most_of(asked, asked.messages)
            is_affordable = self._budget.reserve(most)
        try:
            if is_affordable:
                future.set_result(self._answer(asked, most, queue.stopped))
            else:
                future.set_result(_Result(Reply(None, "unaffordable", UNAFFORDABLE)))
        except BaseException as error:
            future.set_exception(error)
            raise

    def _answer(self, asked: _Asked[Value], most: float, stopped: Event) -> _Result:
        """Ask, and ask a second time where the answer has problems."""
        question = asked.question
        try:
            first = self._attempt(asked, asked.messages, asked.schema, most, stopped)
        except _NoAnswer as error:
            return _Result(Reply(None, "failed", error.reason))
        best, tokens = first, first.tokens
        outcome: Outcome = "answered"
        reason = ""
        if first.problems:
            messages = messages_of_repair(question.prompt, asked.data, asked.schema, first)
            # A schema makes some models write white space up to the bound (vLLM issue 38696).
            schema = None if first.reason == EMPTY else asked.schema
            outcome, reason = "repaired", first.reason
            try:
                second = self._attempt(asked, messages, schema, None, stopped)
            except _NoAnswer as error:
                reason = f"{first.reason}, then {error.reason}"
            else:
                best = max(first, second, key=lambda answer: answer.goodness)
                tokens = (first.tokens[0] + second.tokens[0], first.tokens[1] + second.tokens[1])
                reason = first.reason if best.value is not None else second.reason
        if best.value is None:
            return _Result(Reply(None, "failed", reason))
        if self._cache is not None:
            self._cache.put(asked.key, self._stored(asked, best.text, tokens), question.subject)
        return _Result(Reply(best.value, outcome, reason, tokens), best.text)

    def _attempt(
        self,
        asked: _Asked[Value],
        messages: tuple[Message, ...],
        schema: Schema | None,
        most: float | None,
        stopped: Event,
    ) -> Judged[Value]:
        """One answer, with as many calls as it takes.

        Args:
            most: What was reserved for the first call; None if nothing was.

        Raises:
            _NoAnswer: the calls came to nothing.
        """
        n_failed = n_lost = 0
        reason = ""
        while True:
            if most is None:
                most = self._most_of(asked, messages)
                if not self._budget.reserve(most):
                    raise _NoAnswer(f"{reason}, then {UNAFFORDABLE}" if reason else UNAFFORDABLE)
            if halted := STOPPED if stopped.is_set() else self._breaker.reason:
                self._budget.give_back(most)
                raise _NoAnswer(halted)
            try:
                return self._call(asked, messages, schema, most, is_retry=n_failed + n_lost > 0)
            except ChatError as error:
                most, reason = None, error.reason
                if error.is_of_machine and n_lost < MOST_LOST:
                    n_lost += 1
                    continue
                n_failed += 1
                wait = self._wait_before_retry(error, n_failed)
            if wait is None:
                raise _NoAnswer(reason)
            self._sleep(wait)

    def _wait_before_retry(self, error: ChatError, n_failed: int) -> float | None:
        """Seconds; None if there is to be no further call."""
        if not error.may_pass or n_failed > self._max_retries:
            return None
        wait = backoff_seconds(n_failed, self._jitter)
        if isinstance(error, Busy) and error.retry_after is not None:
            if error.retry_after > LONGEST_PAUSE:
                return None
            self._pace.pause(error.retry_after)
            wait += error.retry_after
        return wait

    def _call(
        self, asked: _Asked[Value], messages: tuple[Message, ...], schema: Schema | None, most: float, *, is_retry: bool
    ) -> Judged[Value]:
        """One call, paid for and counted, whatever comes of it.

        Raises:
            ChatError: it came to nothing.
        """
        cost, tokens = most, (0, 0)
        self._pace.wait()
        try:
            completion = self._chat.complete(messages, schema, asked.question.max_tokens)
        except ChatError as error:
            cost = most if error.may_cost else 0.0
            if not error.is_of_machine:
                self._breaker.note_failure(error)
            raise
        else:
            tokens = (completion.input_tokens, completion.output_tokens)
            cost = self._prices.cost(*tokens)
            self._breaker.note_answer()
        finally:
            self._budget.settle(most, cost)
            prompt = asked.question.prompt
            self.ledger.note_call(asked.purpose, self.model, prompt, is_retry=is_retry, tokens=tokens, cost=cost)
        return replace(judged(completion, asked.question), tokens=tokens)

    def _most_of(self, asked: _Asked[Any], messages: tuple[Message, ...]) -> float:
        """The most that a call can cost: no token is shorter than a byte."""
        n_bytes = sum(len(message.content.encode()) + TEMPLATE_TOKENS for message in messages)
        return self._prices.cost(n_bytes, asked.question.max_tokens)


TEMPLATE_TOKENS = 32
"""Tokens that a chat template may put around one message."""


class _NoAnswer(Exception):
    """Calls came to nothing. ``reason`` is for the reply."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Result:
    """What came of a question that was asked, and the answer that was kept."""

    reply: Reply[Any]
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class _Asked(Generic[Value]):
    """A question as it is sent."""

    question: Question[Value]
    purpose: str
    data: dict[str, Any]
    schema: Schema
    messages: tuple[Message, ...]
    key: str

    @staticmethod
    def of(question: Question[Value], purpose: str, asker: ModelAsker) -> _Asked[Value]:
        data, schema = quoted_data(question.data), schema_of(question.answer)
        key = key_of(
            version=asker.version_of(question.prompt), data=data, schema=schema, max_tokens=question.max_tokens
        )
        messages = messages_of(question.prompt, data, schema)
        return _Asked(question, purpose, data, schema, messages, key)


@dataclass(frozen=True, slots=True)
class _Pending(Generic[Value]):
    """A question whose reply is not out yet: either the reply, or where it will come from.

    Attributes:
        is_repeat: Whether the same is being asked already, and this question waits for that answer.
    """

    asked: _Asked[Value]
    reply: Reply[Value] | None = None
    future: Future[_Result] | None = None
    is_repeat: bool = False


class _Queue:
    """Questions that wait for a thread, in order.

    Attributes:
        turn: Hold it to take a question and to pay for it.
        stopped: Set when nobody waits for the replies any more.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[_Asked[Any], Future[_Result]]] = deque()
        self.turn = Lock()
        self.stopped = Event()

    def add(self, asked: _Asked[Any]) -> Future[_Result]:
        future: Future[_Result] = Future()
        self._waiting.append((asked, future))
        return future

    def take(self) -> tuple[_Asked[Any], Future[_Result]] | None:
        return self._waiting.popleft() if self._waiting else None

    def stop(self) -> None:
        self.stopped.set()
        self._waiting.clear()
