"""The ledger: the only writer of entries, lots, draws, balances and their sums.

Amounts are minor units, plus is the customer's. A verb of the business (`credits.adjust`, …) runs inside `transact`
and goes: `open_account` (lock it, then read), decide, `post`. `post_many` does the same for a chunk of customers.

One entry means: a row in the chain of its customer, a new balance, the lots it made, drew on or gave back to, and the
sums of its day, all in the same transaction.
"""

from creditapp.services.ledger.accounts import create_accounts, open_account, posted_seqs, read_all_lots
from creditapp.services.ledger.chain import LINKS, ZERO_HASH, content_digest, entry_hash, text_digest
from creditapp.services.ledger.kinds import KINDS, KindRules
from creditapp.services.ledger.posting import Chunk, post, post_many
from creditapp.services.ledger.states import close, erase_texts, set_frozen
from creditapp.services.ledger.terms import CLASS_ORDER, Account, Entry, Lot, Move, Panel, Posting, reference, zone

__all__ = [
    "CLASS_ORDER",
    "KINDS",
    "LINKS",
    "ZERO_HASH",
    "Account",
    "Chunk",
    "Entry",
    "KindRules",
    "Lot",
    "Move",
    "Panel",
    "Posting",
    "close",
    "content_digest",
    "create_accounts",
    "entry_hash",
    "erase_texts",
    "open_account",
    "post",
    "post_many",
    "posted_seqs",
    "read_all_lots",
    "reference",
    "set_frozen",
    "text_digest",
    "zone",
]
