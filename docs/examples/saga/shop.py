"""The worker of the saga: four services of a shop, each with its book in a folder.

An attempt may be run twice (a worker may die after the work and before the answer): an entry is
written whole, under the number of its order, and taking away what is not there is fine.

    stretto worker docs/examples/saga/shop.py
"""

import json
import os
from pathlib import Path

from stretto import NonRetryable, Worker

worker = Worker(queue="saga", slots=16)


class CardDeclined(NonRetryable):
    """The bank says no: asking again does not help."""


def enter(shop: str, book: str, order: str, **facts: object) -> None:
    """Write an entry of a book, whole or not at all; an entry that is there stays as it is."""
    path = Path(shop) / book / f"{order}.json"
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(facts))
    draft.replace(path)


def strike(shop: str, book: str, order: str) -> None:
    """Take an entry out of a book, if it is there."""
    (Path(shop) / book / f"{order}.json").unlink(missing_ok=True)


@worker.task("inventory.reserve")
def reserve(shop: str, order: str) -> dict[str, str]:
    """Put the goods aside."""
    shelf = f"shelf-{len(order)}"
    enter(shop, "reserved", order, shelf=shelf)
    return {"shelf": shelf}


@worker.task("inventory.release")
def release(shop: str, order: str) -> None:
    """Put the goods back."""
    strike(shop, "reserved", order)


@worker.task("shipping.book")
def book(shop: str, order: str, shelf: str) -> dict[str, str]:
    """Order a parcel to be fetched."""
    enter(shop, "booked", order, shelf=shelf)
    return {"parcel": f"parcel-{order}"}


@worker.task("shipping.cancel")
def cancel(shop: str, order: str) -> None:
    """The parcel is not fetched."""
    strike(shop, "booked", order)


@worker.task("loyalty.credit")
def credit(shop: str, order: str) -> None:
    """Give the customer points."""
    enter(shop, "credited", order)


@worker.task("loyalty.debit")
def debit(shop: str, order: str) -> None:
    """Take the points away."""
    strike(shop, "credited", order)


@worker.task("payment.charge")
def charge(shop: str, order: str, amount: float, card: str) -> dict[str, str]:
    """Take the money; the bank declines the card `declined`."""
    if card == "declined":
        raise CardDeclined(f"the bank declines {amount}")
    enter(shop, "charged", order, amount=amount)
    return {"receipt": f"receipt-{order}"}


@worker.task("payment.refund")
def refund(shop: str, order: str) -> None:
    """Give the money back."""
    strike(shop, "charged", order)
