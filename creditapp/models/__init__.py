"""The schema, one noun per file."""

from creditapp.models.audit import AuditDetails, AuditHead, AuditRow
from creditapp.models.batch import Batch, BatchKind, BatchLine, BatchPart, BatchStatus, LineFlag
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
from creditapp.models.downtime import (
    DowntimePolicy,
    DowntimeTier,
    FeeBasis,
    Incident,
    IncidentCustomer,
    IncidentLocation,
    IncidentProduct,
    IncidentWindow,
    MinuteRule,
    MonthBasis,
    PolicyMethod,
    downtime_key,
)
from creditapp.models.gateway import Capture, EventStatus, GatewayEvent, IntentStatus, PaymentIntent
from creditapp.models.id_counter import IdCounter
from creditapp.models.invoice import Invoice, InvoiceEvent, InvoiceKind, InvoiceLine, InvoiceStatus
from creditapp.models.log_in import (
    FormDraft,
    LinkPurpose,
    LogIn,
    LogInKind,
    LogInSession,
    OneTimeLink,
    RecoveryCode,
)
from creditapp.models.mail import Mail, MailEvent, MailStatus, MailText
from creditapp.models.payment import Payment, PaymentAllocation
from creditapp.models.product import Cycle, Product, ProductKind
from creditapp.models.promo import GrantStatus, PromoCode, PromoUse, Referral
from creditapp.models.reason import Direction, Reason
from creditapp.models.refund import Refund, RefundStatus
from creditapp.models.request_key import RateWindow, RequestKey
from creditapp.models.rollup import TOTAL_SHARDS, CreditDay, CreditTotal
from creditapp.models.sandbox import SandboxCallback, SandboxCharge, SandboxRefund, SandboxSession
from creditapp.models.setting import Setting
from creditapp.models.staff import Role, RoleRules, Staff, StaffInvitation
from creditapp.models.subscription import Subscription, SubscriptionStatus

__all__ = [
    "ADJUSTMENTS",
    "LOUD_ADJUSTMENTS",
    "TOTAL_SHARDS",
    "AuditDetails",
    "AuditHead",
    "AuditRow",
    "Batch",
    "BatchKind",
    "BatchLine",
    "BatchPart",
    "BatchStatus",
    "Capture",
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
    "DowntimePolicy",
    "DowntimeTier",
    "Effect",
    "EventStatus",
    "FeeBasis",
    "FormDraft",
    "GatewayEvent",
    "GrantStatus",
    "IdCounter",
    "Incident",
    "IncidentCustomer",
    "IncidentLocation",
    "IncidentProduct",
    "IncidentWindow",
    "IntentStatus",
    "Invoice",
    "InvoiceEvent",
    "InvoiceKind",
    "InvoiceLine",
    "InvoiceStatus",
    "Kind",
    "LineFlag",
    "LinkPurpose",
    "LogIn",
    "LogInKind",
    "LogInSession",
    "Mail",
    "MailEvent",
    "MailStatus",
    "MailText",
    "MinuteRule",
    "MonthBasis",
    "OneTimeLink",
    "Payment",
    "PaymentAllocation",
    "PaymentIntent",
    "PolicyMethod",
    "Product",
    "ProductKind",
    "PromoCode",
    "PromoUse",
    "RateWindow",
    "Reason",
    "RecoveryCode",
    "Referral",
    "Refund",
    "RefundStatus",
    "RequestKey",
    "Role",
    "RoleRules",
    "SandboxCallback",
    "SandboxCharge",
    "SandboxRefund",
    "SandboxSession",
    "Setting",
    "Staff",
    "StaffInvitation",
    "Subscription",
    "SubscriptionStatus",
    "downtime_key",
]
