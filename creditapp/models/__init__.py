"""The schema, one noun per file."""

from creditapp.models.audit import AuditDetails, AuditHead, AuditRow
from creditapp.models.credit import (
    ADJUSTMENTS,
    LOUD_ADJUSTMENTS,
    CreditAccount,
    CreditClass,
    CreditDraw,
    CreditEntry,
    CreditEntryText,
    CreditKind,
    CreditLot,
    Effect,
    Kind,
)
from creditapp.models.customer import Customer, CustomerStatus
from creditapp.models.id_counter import IdCounter
from creditapp.models.invoice import Invoice, InvoiceEvent, InvoiceKind, InvoiceLine, InvoiceStatus
from creditapp.models.log_in import FormDraft, LogIn, LogInKind, LogInSession
from creditapp.models.parents import Batch, Incident, PromoCode
from creditapp.models.payment import Payment, PaymentAllocation
from creditapp.models.product import Cycle, Product, ProductKind
from creditapp.models.reason import Direction, Reason
from creditapp.models.request_key import RateWindow, RequestKey
from creditapp.models.rollup import TOTAL_SHARDS, CreditDay, CreditTotal
from creditapp.models.setting import Setting
from creditapp.models.staff import Role, RoleRules, Staff
from creditapp.models.subscription import Subscription, SubscriptionStatus

__all__ = [
    "ADJUSTMENTS",
    "LOUD_ADJUSTMENTS",
    "TOTAL_SHARDS",
    "AuditDetails",
    "AuditHead",
    "AuditRow",
    "Batch",
    "CreditAccount",
    "CreditClass",
    "CreditDay",
    "CreditDraw",
    "CreditEntry",
    "CreditEntryText",
    "CreditKind",
    "CreditLot",
    "CreditTotal",
    "Customer",
    "CustomerStatus",
    "Cycle",
    "Direction",
    "Effect",
    "FormDraft",
    "IdCounter",
    "Incident",
    "Invoice",
    "InvoiceEvent",
    "InvoiceKind",
    "InvoiceLine",
    "InvoiceStatus",
    "Kind",
    "LogIn",
    "LogInKind",
    "LogInSession",
    "Payment",
    "PaymentAllocation",
    "Product",
    "ProductKind",
    "PromoCode",
    "RateWindow",
    "Reason",
    "RequestKey",
    "Role",
    "RoleRules",
    "Setting",
    "Staff",
    "Subscription",
    "SubscriptionStatus",
]
