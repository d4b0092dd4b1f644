"""Mails to customers: written in the transaction that they are about, sent by the worker after the commit.

`queue` writes one. `entries`, `paid` and `issued` are called where money moves, `reminders` once a day, `outbox` by
whoever sends. All words about a person are in the table `mails`, and nowhere else.
"""

from creditapp.services.mails.queueing import Notice, queue, queue_many, queue_to_staff

__all__ = ["Notice", "queue", "queue_many", "queue_to_staff"]
