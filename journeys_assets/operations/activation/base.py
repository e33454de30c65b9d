"""What a destination is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from journeys_assets.domain.activation.messages import Message
from journeys_assets.errors import JourneysError


class ActivationError(JourneysError):
    """Messages cannot be handed over. The message names the destination and the cure; the ledger has what was."""


class Destination(Protocol):
    """A system that takes messages."""

    @property
    def name(self) -> str:
        """The address without passwords, as the ledger has it."""
        ...

    @property
    def batch_size(self) -> int:
        """Most messages of one call of ``hand_over``."""
        ...

    def hand_over(self, messages: Sequence[Message]) -> Mapping[str, str | None]:
        """Hand over messages; a message with a key that the system has already changes nothing there.

        Returns:
            By key, why the system refused a message; None if it accepted it.

        Raises:
            ActivationError: the system does not answer. Any of the messages may have arrived.
        """
        ...
