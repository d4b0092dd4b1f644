"""What the business refuses: each error carries its facts and makes its own sentence, safe to show.

Facts about money are integers in minor units; whoever shows the sentence hands in how the currency is written.
"""

from creditapp.errors.access import (
    AddressUnfitError,
    HasLogInError,
    LinkError,
    NoAddressError,
    NoLogInError,
)
from creditapp.errors.balances import (
    AmountRangeError,
    BalanceLimitError,
    BalanceMovedError,
    BalanceUnchangedError,
    InsufficientCreditError,
)
from creditapp.errors.batches import (
    BatchCountError,
    BatchNotFoundError,
    BatchStateError,
    BatchTooLargeError,
)
from creditapp.errors.codes import (
    CodeError,
)
from creditapp.errors.customers import (
    AccountFrozenError,
    CustomerClosedError,
    CustomerNotFoundError,
)
from creditapp.errors.database import (
    BusyError,
    CommitUnknownError,
)
from creditapp.errors.domain import (
    DomainError,
    Money,
)
from creditapp.errors.downtime import (
    AlreadyCreditedError,
    DowntimeAmountError,
    DowntimeRepeatedError,
    DowntimeTooLongError,
    NamedInTitleError,
    PolicyError,
)
from creditapp.errors.entries import (
    DuplicateAdjustmentError,
    EntryNotFoundError,
    EntryUsedError,
    NotReversibleError,
    ReversalExceedsError,
)
from creditapp.errors.forms import (
    FormReusedError,
    KeyReusedError,
    StaleFormError,
    TakenError,
)
from creditapp.errors.gateways import (
    IntentNotFoundError,
    PaymentUnderwayError,
    SuspenseError,
)
from creditapp.errors.imports import (
    ImportCrossedError,
    ImportFileError,
)
from creditapp.errors.incidents import (
    IncidentError,
    IncidentNotFoundError,
    LineError,
)
from creditapp.errors.invoices import (
    ApplyExceedsError,
    InvoiceAmountError,
    InvoiceNotFoundError,
    InvoiceStateError,
    NotApplicableError,
)
from creditapp.errors.life import (
    CreditLeftError,
    DeleteRefusedError,
    InvoicesOpenError,
    MoneyUnderwayError,
    TransferError,
    VoidPaymentError,
)
from creditapp.errors.mails import (
    MailSetUpError,
    MailStateError,
    MailTextError,
)
from creditapp.errors.merging import (
    MergedError,
    MergeMovedError,
    MergeRefusedError,
)
from creditapp.errors.payments import (
    PaymentMovedError,
    PaymentNotFoundError,
)
from creditapp.errors.products import (
    ProductError,
)
from creditapp.errors.reasons import (
    LastReasonError,
    NoteRequiredError,
    ReasonError,
)
from creditapp.errors.refunds import (
    RefundEndedError,
    RefundExceedsError,
    RefundNotFoundError,
    RefundRefusedError,
)
from creditapp.errors.settings import (
    AmountsKeptError,
    SettingLockedError,
)
from creditapp.errors.staff import (
    AuthorityLimitError,
    NotYoursError,
    PasswordError,
    StaffDisabledError,
)
from creditapp.errors.staff_access import (
    FactorError,
    LastAdminError,
    OwnAccountError,
    OwnStaffAccountError,
    OwnUserError,
    RoleAboveError,
    StaffNotFoundError,
    StaffStateError,
    WrongCodeError,
    WrongPasswordError,
)
from creditapp.errors.subscriptions import (
    PeriodStartError,
    SubscriptionCancelledError,
    SubscriptionNotFoundError,
)
from creditapp.errors.top_ups import (
    TopUpClosedError,
    TopUpRangeError,
)

__all__ = [
    "AccountFrozenError",
    "AddressUnfitError",
    "AlreadyCreditedError",
    "AmountRangeError",
    "AmountsKeptError",
    "ApplyExceedsError",
    "AuthorityLimitError",
    "BalanceLimitError",
    "BalanceMovedError",
    "BalanceUnchangedError",
    "BatchCountError",
    "BatchNotFoundError",
    "BatchStateError",
    "BatchTooLargeError",
    "BusyError",
    "CodeError",
    "CommitUnknownError",
    "CreditLeftError",
    "CustomerClosedError",
    "CustomerNotFoundError",
    "DeleteRefusedError",
    "DomainError",
    "DowntimeAmountError",
    "DowntimeRepeatedError",
    "DowntimeTooLongError",
    "DuplicateAdjustmentError",
    "EntryNotFoundError",
    "EntryUsedError",
    "FactorError",
    "FormReusedError",
    "HasLogInError",
    "ImportCrossedError",
    "ImportFileError",
    "IncidentError",
    "IncidentNotFoundError",
    "InsufficientCreditError",
    "IntentNotFoundError",
    "InvoiceAmountError",
    "InvoiceNotFoundError",
    "InvoiceStateError",
    "InvoicesOpenError",
    "KeyReusedError",
    "LastAdminError",
    "LastReasonError",
    "LineError",
    "LinkError",
    "MailSetUpError",
    "MailStateError",
    "MailTextError",
    "MergeMovedError",
    "MergeRefusedError",
    "MergedError",
    "Money",
    "MoneyUnderwayError",
    "NamedInTitleError",
    "NoAddressError",
    "NoLogInError",
    "NotApplicableError",
    "NotReversibleError",
    "NotYoursError",
    "NoteRequiredError",
    "OwnAccountError",
    "OwnStaffAccountError",
    "OwnUserError",
    "PasswordError",
    "PaymentMovedError",
    "PaymentNotFoundError",
    "PaymentUnderwayError",
    "PeriodStartError",
    "PolicyError",
    "ProductError",
    "ReasonError",
    "RefundEndedError",
    "RefundExceedsError",
    "RefundNotFoundError",
    "RefundRefusedError",
    "ReversalExceedsError",
    "RoleAboveError",
    "SettingLockedError",
    "StaffDisabledError",
    "StaffNotFoundError",
    "StaffStateError",
    "StaleFormError",
    "SubscriptionCancelledError",
    "SubscriptionNotFoundError",
    "SuspenseError",
    "TakenError",
    "TopUpClosedError",
    "TopUpRangeError",
    "TransferError",
    "VoidPaymentError",
    "WrongCodeError",
    "WrongPasswordError",
]
